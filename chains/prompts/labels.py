"""`labels.yaml`: which version serves under which label, and who is sent to the canary.

    summarize:
      production: 1.3.2
      canary: {version: 1.4.0, percent: 10}

`production` serves whoever names nothing. `canary` takes its percentage of production's requests, the same
callers each time. Any other label serves those who name it.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from semver import Version

from chains.errors import PromptError
from chains.prompts.source import check_within, exists, read_text, read_yaml

__all__ = [
    "CANARY",
    "LABELS",
    "PRODUCTION",
    "Labels",
    "Target",
    "is_label",
    "label_line",
    "read_labels",
    "takes_canary",
]

LABELS = "labels.yaml"
PRODUCTION = "production"
CANARY = "canary"
_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,49}")
_RULE = "labels"


@dataclass(frozen=True, slots=True)
class Target:
    """What a label serves. `percent` is the canary's share of production's requests, above 0 and at most 100."""

    version: str
    percent: float | None = None


Labels = Mapping[str, Mapping[str, Target]]
"""Prompt name -> label -> target."""


def is_label(text: str) -> bool:
    """Lower-case letters, digits, dash and underscore, at most 50: no version looks like that."""
    return _LABEL.fullmatch(text) is not None


def read_labels(folder: Path) -> Labels:
    """The labels of a prompt folder; none where there is no file. Raises PromptError.

    Whether the prompts and versions exist is for the set to check.
    """
    path = folder / LABELS
    if not exists(path):
        return MappingProxyType({})
    check_within(folder, path)
    entries = read_yaml(path)
    if entries is None:
        return MappingProxyType({})
    if not isinstance(entries, dict):
        raise PromptError("not a mapping of prompts to labels", path=path, line=1, rule=_RULE, hint=_EXAMPLE)
    return MappingProxyType({name: _targets(path, name, labels) for name, labels in entries.items()})


_EXAMPLE = "summarize: {production: 1.0.0}"
_CANARY_EXAMPLE = "canary: {version: 1.1.0, percent: 10}"


def _targets(path: Path, name: str, labels: Any) -> Mapping[str, Target]:
    if not isinstance(labels, dict):
        raise _wrong(path, name, None, "not a mapping of labels to versions")
    return MappingProxyType({label: _target(path, name, label, value) for label, value in labels.items()})


def _target(path: Path, name: str, label: str, value: Any) -> Target:
    if not is_label(label):
        raise _wrong(path, name, label, "a label has lower-case letters, digits, dash and underscore, at most 50")
    if label == CANARY:
        return _canary(path, name, value)
    if not isinstance(value, str) or not Version.is_valid(value):
        raise _wrong(path, name, label, f"{value!r} is not a version; only canary takes {{version, percent}}")
    return Target(value)


def _canary(path: Path, name: str, value: Any) -> Target:
    if not isinstance(value, dict) or value.keys() != {"version", "percent"}:
        raise _wrong(path, name, CANARY, "write it as {version: 1.1.0, percent: 10}")
    version, percent = value["version"], value["percent"]
    if not isinstance(version, str) or not Version.is_valid(version):
        raise _wrong(path, name, CANARY, f"{version!r} is not a version")
    if isinstance(percent, bool) or not isinstance(percent, (int, float)) or not 0 < percent <= 100:
        raise _wrong(path, name, CANARY, f"percent must be above 0 and at most 100, not {percent!r}")
    return Target(version, float(percent))


def label_line(path: Path, name: str, label: str | None) -> int | None:
    """The line (from 1) of a label in the file, or of its prompt."""
    lines = read_text(path).splitlines()
    start = next((n for n, line in enumerate(lines) if re.match(rf"{re.escape(name)}\s*:", line)), None)
    if start is None or label is None:
        return None if start is None else start + 1
    for number in range(start, len(lines)):
        if number > start and lines[number][:1].strip(" #") != "":
            break
        if re.search(rf"(^|[\s{{,]){re.escape(label)}\s*:", lines[number][0 if number > start else len(name) :]):
            return number + 1
    return start + 1


def _wrong(path: Path, name: str, label: str | None, message: str) -> PromptError:
    place = name if label is None else f"{name}.{label}"
    line = label_line(path, name, label)
    hint = _CANARY_EXAMPLE if label == CANARY else _EXAMPLE
    return PromptError(f"{place}: {message}", path=path, line=line, hint=hint, rule=_RULE)


def takes_canary(percent: float, *parts: str) -> bool:
    """Whether a caller belongs to the canary's share. The same parts give the same answer, always; a larger share
    keeps whom the smaller one had.

    The parts are hashed by SHA-256; its first 64 bits, as a fraction of 2**64, are compared with the share.
    """
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return int.from_bytes(digest[:8]) < percent / 100 * 2**64
