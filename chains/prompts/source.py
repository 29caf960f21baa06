"""A template file as written: front matter between fences, then role sections.

    ---
    description: ...
    ---
    system:
    You summarize.
    user:
    {{ text }}

A role opens only at a line that is exactly `system:`, `user:` or `assistant:`; a line `\\user:` is the text
`user:`. The body is split here, before anything is rendered, so no rendered value can open a role. A section's
text is all that stands between its role line and the next, without the last line break; nothing else is trimmed.
"""

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chains.errors import PromptError
from chains.prompts.role_lines import near_misses
from chains.prompts.visibility import is_hidden
from chains.strict_yaml import YamlError, load_yaml

__all__ = [
    "ROLES",
    "Section",
    "Source",
    "check_within",
    "exists",
    "has_role_line",
    "listed",
    "read_source",
    "read_text",
    "read_yaml",
    "real_path",
    "unescaped",
]

ROLES = ("system", "user", "assistant")
_FENCE = "---"
_LARGEST_FILE = 1 << 18
_MOST_SECTIONS = 100
_LARGEST_FRONT_MATTER = 1 << 16


@dataclass(frozen=True, slots=True)
class Section:
    """One role's template. `line` is the file's line (from 1) on which `text` begins."""

    role: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Source:
    """A template file, parsed but not checked. `text` is the whole file, `key_lines` gives the line of every top-level
    key."""

    path: Path
    text: str
    front_matter: dict[str, Any]
    key_lines: dict[str, int]
    body: str
    sections: tuple[Section, ...]


def real_path(path: Path) -> Path:
    """Where a path leads once all links are followed. Links that go in circles lead to themselves."""
    return Path(os.path.realpath(path))


def check_within(folder: Path, path: Path) -> None:
    """Raise PromptError where a link leads the path out of the prompt folder."""
    if not real_path(path).is_relative_to(real_path(folder)):
        hint = "copy the file instead of linking to it"
        raise PromptError("leads out of the prompt folder", path=path, hint=hint, rule="file")


def exists(path: Path) -> bool:
    """Whether there is something at the path, links followed. Raises PromptError where nobody may look."""
    try:
        path.stat()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return False
        raise _unreadable(path, error.strerror) from error
    return True


def listed(folder: Path) -> list[Path]:
    """What lies in a folder, by name, without what is hidden; nothing where there is no folder. Raises PromptError
    where it can't be read."""
    if not exists(folder) or not folder.is_dir():
        return []
    try:
        found = list(folder.iterdir())
    except OSError as error:
        raise _unreadable(folder, error.strerror) from error
    if not os.access(folder, os.X_OK):  # its names are known, but nothing of it can be opened
        raise _unreadable(folder, os.strerror(errno.EACCES))
    return sorted(path for path in found if not is_hidden(path.name))


def _unreadable(path: Path, reason: str | None) -> PromptError:
    hint = "let whoever runs this read it"
    return PromptError(f"cannot be read: {reason}", path=path, hint=hint, rule="file")


def read_text(path: Path) -> str:
    """A file of the prompt folder as text. Raises PromptError where it isn't plain UTF-8 of a sane size."""
    try:
        status = path.stat()
        if stat.S_ISFIFO(status.st_mode) or stat.S_ISCHR(status.st_mode):  # these never end
            raise PromptError("is no file", path=path, rule="file")
        if status.st_size > _LARGEST_FILE:
            raise PromptError(f"the file is larger than {_LARGEST_FILE} bytes", path=path, rule="limit")
        raw = path.read_bytes()
    except OSError as error:
        raise PromptError(f"cannot be read: {error.strerror}", path=path, rule="file") from error
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise PromptError(
            f"not UTF-8 at byte {error.start}", path=path, line=line, hint="save the file as UTF-8", rule="file"
        ) from error
    if text.startswith("\ufeff"):
        hint = "save the file without it"
        raise PromptError("begins with a byte order mark", path=path, line=1, hint=hint, rule="file")
    if "\r" in text:
        line = text.count("\n", 0, text.index("\r")) + 1
        hint = "save the file with LF line ends"
        raise PromptError("has a carriage return", path=path, line=line, hint=hint, rule="file")
    return text


def read_yaml(path: Path) -> Any:
    """The value of a YAML file of the prompt folder. Raises PromptError."""
    try:
        return load_yaml(read_text(path))
    except YamlError as error:
        raise PromptError(error.message, path=path, line=error.line, column=error.column, rule="yaml") from error


def read_source(path: Path) -> Source:
    """Read and split a template file. Raises PromptError with file and line."""
    whole = read_text(path)
    lines = whole.split("\n")
    if lines[0] != _FENCE:
        hint = "the first line must be ---"
        raise PromptError("does not begin with front matter", path=path, line=1, hint=hint, rule="front-matter")
    try:
        end = lines.index(_FENCE, 1)
    except ValueError:
        hint = "close it with a line ---"
        raise PromptError("the front matter has no end", path=path, line=1, hint=hint, rule="front-matter") from None
    text = "\n".join(lines[1:end])
    if len(text) > _LARGEST_FRONT_MATTER:
        message = f"the front matter is longer than {_LARGEST_FRONT_MATTER} characters"
        raise PromptError(message, path=path, line=1, rule="limit")
    try:
        front_matter = load_yaml(text)
    except YamlError as error:
        line = error.line + 1
        raise PromptError(error.message, path=path, line=line, column=error.column, rule="yaml") from error
    if not isinstance(front_matter, dict):
        raise PromptError("the front matter is not a mapping", path=path, line=2, rule="front-matter")
    starts = ((line.partition(":")[0], number) for number, line in enumerate(lines[1:end], 2))
    key_lines = {key: number for key, number in starts if key in front_matter}
    body = lines[end + 1 :]
    return Source(path, whole, front_matter, key_lines, "\n".join(body), _split(path, body, first_line=end + 2))


def has_role_line(text: str) -> int | None:
    """The line (from 1) that would open a role, or None."""
    return next((number for number, line in enumerate(text.split("\n"), 1) if _role(line)), None)


def _role(line: str) -> str | None:
    return line[:-1] if line.endswith(":") and line[:-1] in ROLES else None


def _split(path: Path, body: list[str], first_line: int) -> tuple[Section, ...]:
    starts = [(number, role) for number, line in enumerate(body) if (role := _role(line))]
    before = body[: starts[0][0]] if starts else body
    stray = next((number for number, line in enumerate(before) if line.strip()), None)
    if stray is not None:
        hint = _meant(body, first_line) or "a line that is exactly system:, user: or assistant: opens a section"
        line = first_line + stray
        raise PromptError("text before the first role", path=path, line=line, column=1, hint=hint, rule="role")
    if len(starts) > _MOST_SECTIONS:
        line = first_line + starts[_MOST_SECTIONS][0]
        raise PromptError(f"more than {_MOST_SECTIONS} sections", path=path, line=line, column=1, rule="limit")
    sections = []
    ends = [*(number for number, _ in starts[1:]), len(body)]
    for (start, role), end in zip(starts, ends, strict=False):
        text = unescaped("\n".join(body[start + 1 : end]))
        if end == len(body):
            text = text.removesuffix("\n")
        if not text.strip():
            line = first_line + start
            raise PromptError(f"the {role} section is empty", path=path, line=line, column=1, rule="role")
        sections.append(Section(role, text, first_line + start + 1))
    _check_order(path, sections, first_line, body)
    return tuple(sections)


def unescaped(text: str) -> str:
    """The text in which a line `\\user:` has become `user:`."""
    lines = (line[1:] if line.startswith("\\") and _role(line[1:]) else line for line in text.split("\n"))
    return "\n".join(lines)


def _meant(body: list[str], first_line: int) -> str | None:
    """What a line says that was probably to open a role, as a hint."""
    found = next(near_misses("\n".join(body)), None)
    if found is None:
        return None
    return f"line {first_line + found.line - 1} is {found.text!r}: did you mean {found.role}:?"


def _check_order(path: Path, sections: list[Section], first_line: int, body: list[str]) -> None:
    late = next((s for number, s in enumerate(sections) if s.role == "system" and number > 0), None)
    if late is not None:
        line = late.line - 1
        raise PromptError("a system section must be the first", path=path, line=line, column=1, rule="role")
    if not sections or sections[-1].role != "user":
        hint = _meant(body, first_line)
        raise PromptError("the last section must be user:", path=path, line=first_line, hint=hint, rule="role")
