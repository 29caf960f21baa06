"""Edits of `labels.yaml` that touch nothing but the label: comments, order, quotes and indentation stay as they are.

A YAML library that loads and dumps would reindent the author's file and move or lose comments between prompts. Here
only the places of the values are taken from the parser, and the text between them is kept byte for byte. Whether
exactly the intended change came out is read back from the new text.
"""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from chains.errors import PromptError
from chains.prompts.labels import CANARY, LABELS, Labels, Target, label_line, read_labels
from chains.prompts.source import read_text
from chains.strict_yaml import YamlError, load_yaml

__all__ = ["HEADING", "edited_labels"]

HEADING = "# Which version serves under which label. `copydesk prompts promote` and `rollback` edit this file.\n"
_INDENT = 2


def edited_labels(folder: Path, name: str, changes: Mapping[str, Target | None]) -> str:
    """The text of labels.yaml in which labels of one prompt have other targets, and those whose target is None are
    gone; a new text where there is no file. Writes nothing.

    Raises PromptError where the file can't be read, or isn't written in a way that can be edited without loss.
    """
    path = folder / LABELS
    wanted = _changed(read_labels(folder), name, changes)
    text = read_text(path) if path.exists() else HEADING
    for label, target in changes.items():
        try:
            text = _edited(text, name, label, target)
        except _NotEditable as error:
            raise _by_hand(path, name, label, str(error)) from error
    if not _reads_as(text, wanted):
        raise _by_hand(path, name, next(iter(changes)), "the edit would change more than the label")
    return text


class _NotEditable(Exception):
    """Why a text can't be edited in place."""


def _by_hand(path: Path, name: str, label: str, message: str) -> PromptError:
    line = label_line(path, name, label) if path.exists() else None
    hint = f"write it in block style ({name}: on a line, the labels indented below it), then try again"
    return PromptError(f"{name}.{label}: not edited: {message}", path=path, line=line, hint=hint, rule="labels")


def _changed(labels: Labels, name: str, changes: Mapping[str, Target | None]) -> Labels:
    """The labels as they must be after the edit. A prompt without labels isn't listed."""
    targets = {**labels.get(name, {}), **changes}
    remaining = {label: target for label, target in targets.items() if target is not None}
    others = {other: targets for other, targets in labels.items() if other != name}
    return {**others, name: remaining} if remaining else others


def _reads_as(text: str, wanted: Labels) -> bool:
    with TemporaryDirectory() as folder:
        (Path(folder) / LABELS).write_text(text, encoding="utf-8")
        try:
            return {name: dict(targets) for name, targets in read_labels(Path(folder)).items()} == wanted
        except PromptError:
            return False


def _edited(text: str, name: str, label: str, target: Target | None) -> str:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert root is None or isinstance(root, yaml.MappingNode)
    found = _entry(root, name)
    if root is None or found is None:
        return text if target is None else _with_entry(text, root, name, {label: _written(label, target)})
    labels = found[1]
    assert isinstance(labels, yaml.MappingNode)
    old = _entry(labels, label)
    if target is None:
        if old is None:
            return text
        return _without(text, labels, old) if len(labels.value) > 1 else _without(text, root, found)
    if old is None:
        return _with_entry(text, labels, label, _written(label, target))
    return _with_target(text, old[1], target)


_Entry = tuple[yaml.Node, yaml.Node]


def _entry(node: yaml.MappingNode | None, key: str) -> _Entry | None:
    return next((entry for entry in node.value if entry[0].value == key), None) if node else None


def _with_target(text: str, node: yaml.Node, target: Target) -> str:
    """The text with another target in the place of the old one, in its style and quotes."""
    if isinstance(node, yaml.ScalarNode):
        return _with_scalar(text, node, target.version)
    percent, version = _entry_of(node, "percent"), _entry_of(node, "version")
    edits = [(percent, _number(target.percent)), (version, target.version)]
    for scalar, value in sorted(edits, key=lambda edit: edit[0].start_mark.index, reverse=True):
        text = _with_scalar(text, scalar, value)
    return text


def _entry_of(node: yaml.Node, key: str) -> yaml.ScalarNode:
    assert isinstance(node, yaml.MappingNode)
    found = _entry(node, key)
    assert found is not None
    assert isinstance(found[1], yaml.ScalarNode)
    return found[1]


def _with_scalar(text: str, node: yaml.ScalarNode, value: str) -> str:
    quote = node.style if node.style in ("'", '"') else ""
    return text[: node.start_mark.index] + quote + value + quote + text[node.end_mark.index :]


def _with_entry(text: str, node: yaml.MappingNode | None, key: str, value: str | Mapping[str, str]) -> str:
    """The text with one more entry at the end of a mapping; of the file where there is no mapping yet."""
    if node is None:
        return _ended(text) + _block(key, value, 0)
    if not node.value:
        return text[: node.start_mark.index] + _flow({key: value}) + text[node.end_mark.index :]
    last = _end(node.value[-1][1])
    if node.flow_style:
        return f"{text[:last]}, {_flow({key: value})[1:-1]}{text[last:]}"
    indent = node.value[0][0].start_mark.column
    place = _after_comments(text, last, indent)
    return _ended(text[:place]) + _block(key, value, indent) + text[place:]


def _after_comments(text: str, end: int, indent: int) -> int:
    """Where the next entry of a block can begin: below the line of the last one, and below the comments that follow
    and stand as deep as the block's keys."""
    place = position = text.find("\n", end) + 1 or len(text)
    for line in text[position:].splitlines(keepends=True):
        position += len(line)
        if line.strip() and not (line.lstrip().startswith("#") and len(line) - len(line.lstrip()) >= indent):
            break
        if line.strip():
            place = position
    return place


def _ended(text: str) -> str:
    return text if text.endswith("\n") or not text else text + "\n"


def _block(key: str, value: str | Mapping[str, str], indent: int) -> str:
    line = f"{' ' * indent}{_key(key)}:"
    if isinstance(value, str):
        return f"{line} {value}\n"
    return f"{line}\n" + "".join(_block(inner, text, indent + _INDENT) for inner, text in value.items())


def _flow(entries: Mapping[str, str | Mapping[str, str]]) -> str:
    written = (f"{_key(key)}: {v if isinstance(v, str) else _flow(v)}" for key, v in entries.items())
    return f"{{{', '.join(written)}}}"


def _key(name: str) -> str:
    """A name as a key: in quotes where YAML would read something else, as in `no` and `null`."""
    try:
        return name if isinstance(load_yaml(name), str) else f'"{name}"'
    except YamlError:
        return f'"{name}"'


def _written(label: str, target: Target) -> str:
    if label != CANARY:
        return target.version
    return f"{{version: {target.version}, percent: {_number(target.percent)}}}"


def _number(percent: float | None) -> str:
    """10 and 12.5, and 0.00001 too, which YAML doesn't read as a number in Python's spelling."""
    assert percent is not None
    text = f"{Decimal(repr(float(percent))):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _without(text: str, node: yaml.MappingNode, entry: _Entry) -> str:
    """The text without an entry of a mapping. Comments on lines of their own before and after it stay."""
    start, end = entry[0].start_mark.index, _end(entry[1])
    if not node.flow_style:
        line_end = text.find("\n", end)
        return text[: text.rfind("\n", 0, start) + 1] + (text[line_end + 1 :] if line_end >= 0 else "")
    position = node.value.index(entry)
    if position + 1 < len(node.value):
        end = node.value[position + 1][0].start_mark.index
    elif position:
        start = _end(node.value[position - 1][1])
    if "#" in text[start:end]:
        raise _NotEditable("a comment stands within what is to be removed")
    return text[:start] + text[end:]


def _end(node: yaml.Node) -> int:
    """Where a node's own text ends. A block mapping's mark is where the next token begins; its last value knows."""
    if isinstance(node, yaml.MappingNode) and node.value and not node.flow_style:
        return _end(node.value[-1][1])
    return node.end_mark.index
