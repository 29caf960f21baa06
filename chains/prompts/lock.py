"""`prompts.lock`: what was released, and that it never changes.

    # Written by `copydesk prompts release`.
    partials/grounding-1.j2: sha256:...
    summarize@1.0.0: sha256:...

`name@version` has the digest of all that shapes the version's messages. A path has the digest of a file that
released versions share or attach, so that whoever edits it is told which file it was. A version that is not in
the lock is a draft.
"""

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from chains.errors import PromptError
from chains.prompts.source import check_within, exists, read_yaml

__all__ = ["LOCK", "Lock", "file_digest", "read_lock", "write_text"]

LOCK = "prompts.lock"
_VERSION = re.compile(r"[A-Za-z][A-Za-z0-9_-]*@\d+\.\d+\.\d+[^\s@]*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HEADING = "# Written by `copydesk prompts release`: what was released, and may never change.\n"


@dataclass(frozen=True, slots=True)
class Lock:
    """`versions` maps `name@version`, `files` a path below the prompt folder, to `sha256:` and 64 hex digits."""

    versions: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def with_version(self, key: str, digest: str, files: Mapping[str, str]) -> "Lock":
        """A lock that holds one more version. A file keeps the digest that it was first locked with."""
        return Lock({**self.versions, key: digest}, {**files, **self.files})

    def text(self) -> str:
        """The file, one line an entry and sorted, so that git merges it line by line."""
        entries = sorted({**self.versions, **self.files}.items())
        return _HEADING + "".join(f"{name}: {digest}\n" for name, digest in entries)


def read_lock(folder: Path) -> Lock:
    """The lock of a prompt folder; an empty one where there is none. Raises PromptError."""
    path = folder / LOCK
    if not exists(path):
        return Lock()
    check_within(folder, path)
    entries = read_yaml(path)
    hint = f"undo the edit; only `copydesk prompts release` writes it: git checkout -- {path}"
    if entries is None:
        return Lock()
    if not isinstance(entries, dict):
        raise PromptError("not a mapping of versions to digests", path=path, hint=hint, rule="lock")
    for name, digest in entries.items():
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            line = _line_of(path, name)
            raise PromptError(f"{name}: not a sha256 digest", path=path, line=line, hint=hint, rule="lock")
        if "/" not in name and not _VERSION.fullmatch(name):
            raise PromptError(
                f"{name}: neither NAME@VERSION nor a path", path=path, line=_line_of(path, name), hint=hint, rule="lock"
            )
    versions = {name: digest for name, digest in entries.items() if "/" not in name}
    files = {name: digest for name, digest in entries.items() if "/" in name}
    return Lock(MappingProxyType(versions), MappingProxyType(files))


def file_digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def write_text(path: Path, text: str) -> None:
    """Replace a file as a whole: whoever reads it meanwhile sees the old one or the new one. Raises PromptError."""
    try:
        _replace(path, text)
    except OSError as error:
        hint = "let whoever runs this write into its folder; git status tells what was written before"
        raise PromptError(f"cannot be written: {error.strerror}", path=path, hint=hint, rule="file") from error


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _line_of(path: Path, name: object) -> int | None:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if str(name) in line), None)
