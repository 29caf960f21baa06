"""Writes cassettes: each recording is one line, written as soon as its answer is complete, so that a recording that is
killed loses none. At the end the lines are put in order, so that git shows what changed and nothing else."""

import fcntl
import logging
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from chains.backends.replay.cassette import Cassette, CassetteFile, read_file
from chains.backends.replay.shapes import RECORDINGS, Header, Place, Recording, line_of, place_of, says_the_same
from chains.errors import ConfigurationError

__all__ = ["Recorder", "put_in_order", "rewrite"]

_log = logging.getLogger("copydesk.backends.replay")

_NO_TASK = "other"


class Recorder:
    """A cassette that is being written. `path` is a file (`*.jsonl`), or a folder, in which each task has a file.

    It is opened at its first use, for this process alone, and again after `close`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._is_file = path.suffix == ".jsonl"
        self._cassette: Cassette | None = None
        self._turn = -1
        self._files: dict[Path, int] = {}
        self._new: dict[str, bytes] = {}
        self._homes: dict[str, Path] = {}

    def open(self) -> Cassette:
        """What was recorded before. Raises ConfigurationError where it can't be read or written, or another process
        records into it."""
        if self._cassette is None:
            self._turn = self._locked()
            try:
                self._cassette = Cassette.read(self.path)
            except BaseException:
                self._release()
                raise
        return self._cassette

    def begin(self, header: Header) -> None:
        """Raises ConfigurationError where the cassette is of another model."""
        found = self.open().header
        if found is not None and found != header:
            raise ConfigurationError(f"{self.path}: {_difference(found, header)}: record into another file or folder")

    def find(self, key: str) -> Recording | None:
        """The newest recording of the key."""
        line = self._new.get(key)
        return self.open().find(key) if line is None else RECORDINGS.validate_json(line)

    def add(self, header: Header, recording: Recording) -> None:
        """Write a recording. One that says the same as the one before it is left as it was: times alone are no change.

        Raises ConfigurationError where it can't be written, UnicodeEncodeError for half a character.
        """
        before = self.find(recording.key)
        if before is not None:
            if says_the_same(before, recording):
                return
            recording = recording.model_copy(update={"again": True})
        line = line_of(recording)
        path = self._home(recording)
        try:
            self._append(path, header, line)
        except OSError as error:
            raise ConfigurationError(f"{path}: a recording cannot be written: {error.strerror}") from error
        self._new[recording.key], self._homes[recording.key] = line, path

    def close(self) -> None:
        """Put what was written in order, and let others record."""
        try:
            for descriptor in self._files.values():
                os.close(descriptor)
            known = (
                [] if self._cassette is None else [file.path for file in self._cassette.files if not file.is_in_order]
            )
            for path in sorted({*self._files, *known}):
                put_in_order(path)
            if self._is_file and self._turn >= 0 and not self.path.stat().st_size:
                self.path.unlink()  # it was made to be locked
        finally:
            self._files, self._new, self._homes, self._cassette = {}, {}, {}, None
            self._release()

    def _home(self, recording: Recording) -> Path:
        """The file that has the key already, else that of its task."""
        if self._is_file:
            return self.path
        if (home := self._homes.get(recording.key)) is not None:
            return home
        key = bytes.fromhex(recording.key)
        holder = next((file.path for file in self.open().files if key in file.places), None)
        return holder or self.path / f"{recording.request.task or _NO_TASK}.jsonl"

    def _append(self, path: Path, header: Header, line: bytes) -> None:
        known, descriptor = None, self._files.get(path)
        if descriptor is None:
            known = next((file for file in self.open().files if file.path == path), CassetteFile(path))
            descriptor = _opened(known)
            if known.ends_open:
                line = b"\n" + line
            if known.header is None:
                line = line_of(header) + line
        end = os.fstat(descriptor).st_size
        try:
            while line:
                line = line[os.write(descriptor, line) :]
        except OSError:
            os.ftruncate(descriptor, end)  # a full disk takes a part of a line
            if known is not None:
                os.close(descriptor)
            raise
        self._files[path] = descriptor

    def _locked(self) -> int:
        """A descriptor whose lock says that this process records. Raises ConfigurationError."""
        try:
            folder = self.path.parent if self._is_file else self.path
            folder.mkdir(parents=True, exist_ok=True)
            while True:
                flags = os.O_RDWR | os.O_CREAT if self._is_file else os.O_RDONLY
                turn = os.open(self.path, flags, 0o644)
                if self._is_held(turn):
                    return turn
                os.close(turn)
        except BlockingIOError:
            raise ConfigurationError(f"{self.path}: another process records into it: wait for its end") from None
        except OSError as error:
            raise ConfigurationError(f"{self.path}: the recordings cannot be written: {error.strerror}") from error

    def _is_held(self, turn: int) -> bool:
        """Lock what was opened. Whether it still is what the path names: another process may have replaced it."""
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(turn)
            raise
        return os.path.samestat(os.fstat(turn), self.path.stat())

    def _release(self) -> None:
        if self._turn >= 0:
            os.close(self._turn)
            self._turn = -1


def _opened(known: CassetteFile) -> int:
    """The file to append to, without what a killed recording left half written. Raises ConfigurationError where it was
    changed since it was read, OSError."""
    descriptor = os.open(known.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    if os.fstat(descriptor).st_size != known.size:
        os.close(descriptor)
        raise ConfigurationError(f"{known.path}: the file was changed while it was in use: start again")
    os.ftruncate(descriptor, known.whole_bytes)
    known.size = known.whole_bytes
    return descriptor


def put_in_order(path: Path) -> None:
    """Sort a file's recordings, each once. Raises ConfigurationError."""
    found = read_file(path)
    if found.header is not None and not (found.is_in_order and not found.ends_open):
        _replace(path, found.header, [_settled(recording, line) for recording, line in found.lines()])


def rewrite(path: Path, header: Header, recordings: Iterable[Recording]) -> None:
    """Replace a file as a whole by these recordings, in order. Raises ConfigurationError."""
    _replace(path, header, [_settled(recording, line_of(recording)) for recording in recordings])


def _settled(recording: Recording, line: bytes) -> tuple[Place, bytes]:
    """The recording's place in the file, and its line there: it takes nobody's place any more."""
    if recording.again:
        line = line_of(recording.model_copy(update={"again": False}))
    return place_of(recording), line if line.endswith(b"\n") else line + b"\n"


def _replace(path: Path, header: Header, lines: list[tuple[Place, bytes]]) -> None:
    temporary = None
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(line_of(header))
            file.writelines(line for _, line in sorted(lines))
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(path.stat().st_mode & 0o777)
        temporary.replace(path)
    except OSError as error:
        raise ConfigurationError(f"{path}: the recordings cannot be put in order: {error.strerror}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _difference(found: Header, wanted: Header) -> str:
    """What tells two headers apart, in words."""
    for name in ("kind", "model", "digest", "context_tokens", "settings", "scores", "counts"):
        was, now = getattr(found, name), getattr(wanted, name)
        if was != now:
            return f"it is of a backend with the {name} {was}, and this one has {now}"
    return "it is of another model"
