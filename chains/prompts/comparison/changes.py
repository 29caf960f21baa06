"""What changed between two versions of a prompt, and the smallest version number that says so.

MAJOR   a caller breaks: an input is gone, newly required or narrower; the answer may be what it never was
MINOR   a golden case renders other messages, or the parameters, examples or helper prompts differ, or the
        schemas take or yield more; also where no golden case can show that nothing changed
PATCH   every golden case renders byte for byte the same, and the template is the same apart from comments and
        partials, or a case goes through every branch that differs
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chains.errors import PromptRenderError
from chains.prompts.comparison.branches import reached_blocks
from chains.prompts.comparison.bump import Bump, Change, bump_between, smallest_version
from chains.prompts.comparison.schema_changes import input_changes, output_changes
from chains.prompts.comparison.tree_builder import build_tree
from chains.prompts.comparison.tree_changes import changed_blocks
from chains.prompts.comparison.trees import Branch
from chains.prompts.parameters import Example, ModelParameters
from chains.prompts.source import read_text
from chains.prompts.version import PromptVersion

__all__ = ["Bump", "CaseComparison", "Change", "Comparison", "bump_between", "compare", "smallest_version"]

_ROLES = {"system": "system", "human": "user", "ai": "assistant"}

Messages = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CaseComparison:
    """A golden case rendered by both versions, as (role, text) pairs with the few-shot ones.

    None where a version doesn't take the case or can't render it; `note` says why.
    """

    name: str
    before: Messages | None
    after: Messages | None
    note: str | None = None

    @property
    def same(self) -> bool:
        """Whether both versions render the same messages, byte for byte."""
        return self.before is not None and self.before == self.after


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions, all that changed between them, and every golden case under both."""

    before: PromptVersion
    after: PromptVersion
    changes: tuple[Change, ...]
    cases: tuple[CaseComparison, ...]

    @property
    def minimum(self) -> Bump:
        """The smallest bump that tells callers enough; NONE where nothing changed."""
        return max((change.bump for change in self.changes), default=Bump.NONE)


def compare(before: PromptVersion, after: PromptVersion, cases: Mapping[str, Mapping[str, Any]]) -> Comparison:
    """Compare two versions of a prompt over its golden cases: inputs by the case's name.

    Raises PromptError where a template is too large to be taken apart.
    """
    rendered, changes = [], list[Change]()
    for name, inputs in cases.items():
        compared, found = _compared(before, after, name, inputs)
        rendered.append(compared)
        changes += found
    shared = {case.name: cases[case.name] for case in rendered if case.before is not None and case.after is not None}
    changes = [
        *input_changes(before, after),
        *output_changes(before, after),
        *_parameter_changes(before.parameters, after.parameters),
        *_example_changes(before.ingredients.examples, after.ingredients.examples),
        *_helper_changes(before, after),
        *changes,
        *_body_changes(before, after, shared),
        *_text_changes(before, after),
    ]
    if not changes and _file_text(before) != _file_text(after):
        changes = [Change(Bump.PATCH, "file", "only comments, order or layout of the front matter changed")]
    return Comparison(before, after, tuple(changes), tuple(rendered))


def _compared(
    before: PromptVersion, after: PromptVersion, name: str, inputs: Mapping[str, Any]
) -> tuple[CaseComparison, list[Change]]:
    old, old_note, old_takes = _rendered(before, inputs)
    new, new_note, new_takes = _rendered(after, inputs)
    notes = [f"{prompt.version} {note}" for prompt, note in ((before, old_note), (after, new_note)) if note]
    compared = CaseComparison(name, old, new, "; ".join(notes) or None)
    place, changes = f"case {name!r}", []
    if old is not None and new is not None:
        if old != new:
            changes = [Change(Bump.MINOR, place, f"renders otherwise: {_different_messages(old, new)}")]
    elif old is not None and new_takes:
        changes = [Change(Bump.MAJOR, place, f"{after.version} takes it, but {new_note}")]
    elif new is not None and old_takes:
        changes = [Change(Bump.MINOR, place, f"renders now; {before.version} takes it, but {old_note}")]
    return compared, changes


def _rendered(prompt: PromptVersion, inputs: Mapping[str, Any]) -> tuple[Messages | None, str, bool]:
    """The messages, or None; why there are none; whether the inputs are taken."""
    wrong = prompt.validate(inputs)
    if wrong:
        return None, f"does not take it: {f'{wrong[0].pointer} {wrong[0].message}'.strip()}", False
    try:
        messages = prompt.invoke(dict(inputs)).to_messages()
    except PromptRenderError as error:
        return None, f"cannot render it: {error.message}", True
    return tuple((_ROLES[message.type], str(message.content)) for message in messages), "", True


def _different_messages(old: Messages, new: Messages) -> str:
    if [role for role, _ in old] != [role for role, _ in new]:
        return f"{len(new)} messages ({', '.join(role for role, _ in new)}), not {len(old)}"
    different = [number for number, pair in enumerate(zip(old, new, strict=True), 1) if pair[0] != pair[1]]
    named = [f"{number} ({new[number - 1][0]})" for number in different]
    return f"message{'s' if len(named) > 1 else ''} {', '.join(named)} of {len(new)}"


def _parameter_changes(old: ModelParameters, new: ModelParameters) -> Iterator[Change]:
    now = dict(new)
    for name, was in dict(old).items():
        if was != now[name]:
            words = [_value(value) for value in (now[name], was)]
            yield Change(Bump.MINOR, f"model.{name}", f"is {words[0]}, not {words[1]}")


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(map(repr, value)) + "]"
    return "unset" if value is None else str(value)


def _example_changes(old: Sequence[Example], new: Sequence[Example]) -> Iterator[Change]:
    was, now = ([example.model_dump_json() for example in examples] for examples in (old, new))
    if was == now:
        return
    if sorted(was) == sorted(now):
        yield Change(Bump.MINOR, "examples", "stand in another order")
        return
    added, gone = len([text for text in now if text not in was]), len([text for text in was if text not in now])
    message = f"{added} added or changed, {gone} removed or changed; {len(now)} in all, not {len(was)}"
    yield Change(Bump.MINOR, "examples", message)


def _helper_changes(before: PromptVersion, after: PromptVersion) -> Iterator[Change]:
    for alias in sorted(before.uses.keys() | after.uses.keys()):
        was, now = before.uses.get(alias), after.uses.get(alias)
        if was is None or now is None or was.digest != now.digest or str(was) != str(now):
            yield Change(Bump.MINOR, f"uses.{alias}", f"is {now or 'gone'}, not {was or 'unset'}")


def _body_changes(
    before: PromptVersion, after: PromptVersion, cases: Mapping[str, Mapping[str, Any]]
) -> Iterator[Change]:
    """`cases` are those that both versions render."""
    old, new = before.ingredients, after.ingredients
    if old.source.body == new.source.body and old.partials == new.partials:
        return
    roles = [[section.role for section in ingredients.source.sections] for ingredients in (old, new)]
    if roles[0] != roles[1]:
        yield Change(Bump.MINOR, "body", f"its sections are {', '.join(roles[1])}, not {', '.join(roles[0])}")
        return
    trees = [build_tree(prompt) for prompt in (before, after)]
    changed = changed_blocks(*trees)
    if not any(changed):
        yield Change(Bump.PATCH, "body", "only comments, the layout of tags or the use of partials changed")
        return
    if not cases:
        message = "the template changed, and no golden case that both versions render shows what stays the same"
        yield Change(Bump.MINOR, "body", message)
        return
    uncovered: dict[str, None] = {}
    for prompt, tree, marks in zip((before, after), trees, changed, strict=True):
        missed = sorted(marks - reached_blocks(tree, prompt, cases))
        uncovered.update(dict.fromkeys(_place(prompt, tree.branches[number]) for number in missed))
    yield Change(Bump.PATCH, "body", "the template differs")
    for place in uncovered:
        yield Change(Bump.MINOR, "body", f"{place} changed, and no golden case goes through it")


def _place(prompt: PromptVersion, branch: Branch) -> str:
    file = branch.path.relative_to(prompt.ingredients.source.path.parents[1]).as_posix()
    return f"{file}:{branch.line}: {branch.description}"


def _text_changes(before: PromptVersion, after: PromptVersion) -> Iterator[Change]:
    """What only people read, and files under other names."""
    for key in ("description", "changelog"):
        if getattr(before, key) != getattr(after, key):
            yield Change(Bump.PATCH, key, "is worded anew")
    for key, read in _FILES.items():
        was, now = (prompt.ingredients.source.front_matter.get(key) for prompt in (before, after))
        if was != now and read(before) == read(after):
            yield Change(Bump.PATCH, key, "stands elsewhere, and is the same")


_FILES: Mapping[str, Callable[[PromptVersion], Any]] = {
    "output": lambda prompt: prompt.output,
    "examples": lambda prompt: prompt.ingredients.examples,
}


def _file_text(prompt: PromptVersion) -> str:
    return read_text(prompt.ingredients.source.path)
