"""Fixed text that stands after the first value: what a model server has to read anew at every request."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chains.prompts.linting.tokens import Tag, pieces, place_in
from chains.prompts.version import PromptVersion

__all__ = ["LateText", "late_text"]

# A prefix is kept and compared by tokens: a few words more to read anew cost nothing that anybody notices, and a
# closing tag such as </document> has to stand after its value.
_LONG = 48
_MOST_INCLUDES = 1_000
_OPENING = frozenset({"if", "for"})


@dataclass(frozen=True, slots=True)
class LateText:
    """The first value or condition, and what follows it: fixed characters in long pieces, and few-shot pairs."""

    path: Path
    line: int
    column: int
    name: str
    characters: int
    examples: int


def late_text(folder: Path, prompt: PromptVersion) -> LateText | None:
    """The first value of a prompt, if a longer fixed text or the few-shot examples stand after it."""
    walk = _Walk(folder, prompt.ingredients.partials, set(prompt.inputs))
    source = prompt.ingredients.source
    examples = 0
    for section in source.sections:
        if section.role == "user" and walk.first is not None:
            examples = len(prompt.ingredients.examples)
        walk.read(section.text, source.path, section.line - 1)
        walk.end_piece()
    if walk.first is None or not (walk.characters or examples):
        return None
    return LateText(*walk.first, walk.characters, examples)


@dataclass(slots=True)
class _Walk:
    """Through the messages in their order, partials at their places. `variable` are the names whose values change."""

    folder: Path
    partials: Mapping[str, str]
    variable: set[str]
    first: tuple[Path, int, int, str] | None = None
    characters: int = 0
    depth: int = 0
    includes: int = 0
    piece: list[str] = field(default_factory=list)

    def read(self, text: str, path: Path, offset: int) -> None:
        if "{" not in text:
            self.piece.append(text if self.first is not None and self.depth == 0 else "")
            return
        for part in pieces(text):
            if isinstance(part, str):
                if self.first is not None and self.depth == 0:
                    self.piece.append(part)
                continue
            self._tag(part, text, path, offset)

    def _tag(self, tag: Tag, text: str, path: Path, offset: int) -> None:
        changing = next(_names(tag, self.variable), None)
        if tag.keyword == "include":
            self._include(tag)
        elif tag.keyword == "set":
            if changing is not None:
                self.variable |= {word for kind, word, _ in _target(tag) if kind == "name"}
        elif changing is not None:
            self.end_piece()
            if self.first is None:
                name, at = changing
                line, column = place_in(text, at)
                self.first = path, offset + line, column, name
        self.depth += (tag.keyword in _OPENING) - (tag.keyword in ("endif", "endfor"))

    def _include(self, tag: Tag) -> None:
        name = next((word[1:-1] for kind, word, _ in tag.words if kind == "string"), "")
        self.includes += 1
        if name in self.partials and self.includes <= _MOST_INCLUDES:
            self.read(self.partials[name], self.folder / name, 0)

    def end_piece(self) -> None:
        length = len("".join(self.piece).strip())
        self.characters += length if length >= _LONG else 0
        self.piece.clear()


def _names(tag: Tag, variable: Collection[str]) -> Iterator[tuple[str, int]]:
    """The names with changing values that a tag reads, and their offsets."""
    before = ""
    for kind, word, at in tag.words:
        if kind == "name" and word in variable and before not in (".", "|", "is"):
            yield word, at
        before = word


def _target(tag: Tag) -> tuple[tuple[str, str, int], ...]:
    """What a `set` tag writes: all between the keyword and the equals sign."""
    equals = next((number for number, (_, word, _) in enumerate(tag.words) if word == "="), len(tag.words))
    return tag.words[1:equals]
