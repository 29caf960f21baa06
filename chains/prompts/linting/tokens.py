"""A template's text as tokens with their places, which Jinja's tree doesn't keep."""

from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import Environment
from jinja2.lexer import get_lexer

__all__ = ["Tag", "pieces", "place_in"]

_LEXER = get_lexer(Environment(keep_trailing_newline=True, autoescape=False))  # noqa: S701 - lexes only
_ENDS = frozenset({"variable_end", "block_end"})


@dataclass(frozen=True, slots=True)
class Tag:
    """`{{ ... }}` or `{% ... %}`. `words` are its tokens, blanks apart, each with its kind and offset in the text."""

    start: int
    end: int
    is_value: bool
    words: tuple[tuple[str, str, int], ...]

    @property
    def keyword(self) -> str:
        """`if`, `endfor`, `include`; nothing for a value."""
        return "" if self.is_value or not self.words else self.words[0][1]


def pieces(text: str) -> Iterator[str | Tag]:
    """The text and the tags of a template that parses, in order; comments are left out, `raw` is text."""
    words: list[tuple[str, str, int]] = []
    position = start = 0
    for _, kind, value in _LEXER.tokeniter(text, None):
        position = text.index(value, position)  # only blanks that a tag's dash takes are skipped
        if kind == "data":
            yield value
        elif kind in ("variable_begin", "block_begin"):
            start, words = position, []
        elif kind in _ENDS:
            yield Tag(start, position + len(value.rstrip()), kind == "variable_end", tuple(words))
        elif kind != "whitespace":
            words.append((kind, value, position))
        position += len(value)


def place_in(text: str, offset: int) -> tuple[int, int]:
    """Line and column (from 1) of an offset in the text."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
