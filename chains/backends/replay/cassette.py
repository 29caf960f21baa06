"""Reads cassettes: one file, or a folder of `*.jsonl` files, of one model's recorded answers.

Every line is checked when a cassette is opened; then only its place is kept in memory, some 200 bytes for each
recording, and the line is read again when it is asked for.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from chains.backends.replay.shapes import RECORDINGS, Header, Place, Recording, place_of
from chains.errors import ConfigurationError

__all__ = ["Cassette", "CassetteFile", "files_of", "header_of", "read_file"]

_log = logging.getLogger("copydesk.backends.replay")

_MOST_TOLD = 20


@dataclass(slots=True)
class CassetteFile:
    """One file of `size` bytes as it was read. `places` are where in the file the line of each key begins;
    `whole_bytes` are those up to the end of the last whole line, which `ends_open` where no line end is behind it;
    `is_in_order` tells that nothing is to be sorted or taken out."""

    path: Path
    header: Header | None = None
    places: dict[bytes, int] = field(default_factory=dict)
    size: int = 0
    whole_bytes: int = 0
    ends_open: bool = False
    is_in_order: bool = True

    def recording(self, key: bytes) -> Recording:
        """Raises ConfigurationError where the file was changed meanwhile."""
        with self.path.open("rb") as file:
            return self._read(file, key)[0]

    def lines(self) -> Iterator[tuple[Recording, bytes]]:
        """All that count, in the order of the file. Raises ConfigurationError where it was changed meanwhile."""
        with self.path.open("rb") as file:
            for key in sorted(self.places, key=self.places.__getitem__):
                yield self._read(file, key)

    def _read(self, file: BinaryIO, key: bytes) -> tuple[Recording, bytes]:
        file.seek(self.places[key])
        line = file.readline()
        try:
            found = RECORDINGS.validate_json(line)
        except ValidationError:
            found = None
        if found is None or bytes.fromhex(found.key) != key:
            raise ConfigurationError(f"{self.path}: the file was changed while it was in use: start again")
        return found, line


class Cassette:
    """Recorded answers by their keys. `header` is None where nothing was recorded yet."""

    def __init__(self, files: list[CassetteFile]) -> None:
        self.files = files
        self.header = next((file.header for file in files if file.header is not None), None)

    @classmethod
    def read(cls, path: Path) -> "Cassette":
        """Raises ConfigurationError with file and line: where a file can't be read or is damaged, where a key stands
        twice, and where the files of a folder are of several models. What a killed recording left half written at the
        end of a file is left out, and the log says so."""
        files = [read_file(file) for file in files_of(path)]
        _check_together(files)
        return cls(files)

    def find(self, key: str) -> Recording | None:
        """Raises ConfigurationError where a file was changed since it was opened."""
        wanted = bytes.fromhex(key)
        return next((file.recording(wanted) for file in self.files if wanted in file.places), None)

    def __contains__(self, key: str) -> bool:
        wanted = bytes.fromhex(key)
        return any(wanted in file.places for file in self.files)

    def __len__(self) -> int:
        return sum(len(file.places) for file in self.files)


def files_of(path: Path) -> list[Path]:
    """The files of a cassette, by name; none where there is neither file nor folder."""
    if path.is_dir():
        return sorted(path.glob("*.jsonl"))
    return [path] if path.exists() else []


def header_of(path: Path) -> Header:
    """That of a file or of a folder's first file, without reading the rest. Raises ConfigurationError where there is
    none."""
    for file in files_of(path):
        try:
            with file.open("rb") as opened:
                line = opened.readline()
        except OSError as error:
            raise ConfigurationError(f"{file}: the recordings cannot be read: {error.strerror}") from error
        if line.endswith(b"\n"):
            return _header(file, line)
    raise ConfigurationError(
        f"{path}: there are no recordings: record some with `copydesk eval run --mode record-missing`"
    )


def read_file(path: Path) -> CassetteFile:
    """Raises ConfigurationError, which lists every wrong line up to the twentieth."""
    reader = _Reader(path)
    try:
        with path.open("rb") as file:
            for line in file:
                reader.take(line)
                if len(reader.problems) == _MOST_TOLD:
                    break
    except OSError as error:
        raise ConfigurationError(f"{path}: the recordings cannot be read: {error.strerror}") from error
    if reader.problems:
        raise ConfigurationError(*reader.problems)
    return reader.found


class _Reader:
    """Takes a file's lines, and notes what is wrong with them."""

    def __init__(self, path: Path) -> None:
        self.found = CassetteFile(path)
        self.problems: list[str] = []
        self._number = 0
        self._before: Place | None = None

    def take(self, line: bytes) -> None:
        self._number += 1
        self.found.size += len(line)
        try:
            if self._number == 1:
                self.found.header = Header.model_validate_json(line)
            else:
                self._add(RECORDINGS.validate_json(line))
        except ValidationError as error:
            if not line.endswith(b"\n"):
                message = "%s:%d: left out: a recording that was killed while it was written"
                _log.warning(message, self.found.path, self._number)
                self.found.is_in_order = False
                return
            self._tell(_first_of(error) + _hint(line))
        self.found.whole_bytes += len(line)
        self.found.ends_open = not line.endswith(b"\n")

    def _add(self, recording: Recording) -> None:
        key, place = bytes.fromhex(recording.key), place_of(recording)
        if key in self.found.places and not recording.again:
            self._tell(f"the key {recording.key[:16]}... stands in the file before: delete one of the two lines")
        if recording.again or (self._before is not None and place < self._before):
            self.found.is_in_order = False
        self._before = place
        self.found.places[key] = self.found.whole_bytes

    def _tell(self, problem: str) -> None:
        self.problems.append(f"{self.found.path}:{self._number}: {problem}")


def _header(path: Path, line: bytes) -> Header:
    try:
        return Header.model_validate_json(line)
    except ValidationError as error:
        raise ConfigurationError(f"{path}:1: {_first_of(error)}") from error


def _first_of(error: ValidationError) -> str:
    """The first wrong place of a line, without what stands there."""
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]


def _hint(line: bytes) -> str:
    if line.startswith((b"<<<<<<<", b"=======", b">>>>>>>")):
        return " (a merge was left half done: keep the lines of both sides, without the marks)"
    return ""


def _check_together(files: list[CassetteFile]) -> None:
    """Raises ConfigurationError where the files are of several models, or hold a key twice."""
    told = [file for file in files if file.header is not None]
    problems = [
        f"{file.path}:1: it is of another model or setting than {told[0].path}: keep them in folders of their own"
        for file in told[1:]
        if file.header != told[0].header
    ]
    seen: dict[bytes, Path] = {}
    problems += [
        f"{file.path}: the key {key.hex()[:16]}... stands in {other} too: delete one of the two lines"
        for file in told
        for key in file.places
        if (other := seen.setdefault(key, file.path)) is not file.path
    ]
    if problems:
        raise ConfigurationError(*problems[:_MOST_TOLD])
