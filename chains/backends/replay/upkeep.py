"""Looking after cassettes: whether they are whole, what nobody uses any more, what must not be read by others."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chains.backends.replay.cassette import Cassette, CassetteFile, files_of, read_file
from chains.backends.replay.recorder import Recorder, rewrite
from chains.backends.replay.shapes import Chat, Recording, Request
from chains.errors import ConfigurationError

__all__ = ["FileReport", "Pruned", "Redacted", "prune", "redact", "used_keys", "verify"]

_REDACTED = "[redacted]"


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file. `recordings` counts by operation; `is_in_order` is false for what a killed recording left, which the
    next one puts in order."""

    path: Path
    bytes: int
    recordings: Counter[str] = field(default_factory=Counter)
    is_in_order: bool = True
    model: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pruned:
    """Recordings that stayed and that went, and the bytes of all files before and after."""

    kept: int
    dropped: int
    bytes_before: int
    bytes_after: int


@dataclass(frozen=True, slots=True)
class Redacted:
    """How many recordings lost the beginning of their request or a part of it, and how many answers were rewritten."""

    requests: int
    answers: int


def verify(path: Path) -> list[FileReport]:
    """What is in the files of a cassette, and everything that is wrong with them. Raises ConfigurationError where there
    is no file."""
    reports, whole = [], []
    for file in _existing(path):
        size = file.stat().st_size
        try:
            found = read_file(file)
        except ConfigurationError as error:
            reports.append(FileReport(file, size, problems=error.problems))
            continue
        whole.append(found)
        if found.header is None:
            reports.append(FileReport(file, size, problems=(f"{file}: it has no header, and no recordings",)))
            continue
        counts = Counter[str](recording.operation for recording, _ in found.lines())
        reports.append(FileReport(file, size, counts, found.is_in_order, f"{found.header.kind} {found.header.model}"))
    if len(whole) == len(reports):
        try:
            Cassette.read(path)
        except ConfigurationError as error:
            reports[-1] = FileReport(reports[-1].path, reports[-1].bytes, problems=error.problems)
    return reports


def prune(path: Path, used: Collection[str], *, dry_run: bool = False) -> Pruned:
    """Drop the recordings whose keys aren't among `used`. Raises ConfigurationError where none is: the keys are those
    of other recordings then."""
    before = sum(file.stat().st_size for file in _existing(path))
    if dry_run:
        found = Cassette.read(path)
        kept = sum(key.hex() in used for file in found.files for key in file.places)
        _must_keep(path, kept)
        return Pruned(kept, len(found) - kept, before, before)
    with _in_use(path) as found:
        total = len(found)
        kept = sum(key.hex() in used for file in found.files for key in file.places)
        _must_keep(path, kept)
        for file in found.files:
            _rewrite(file, [recording for recording, _ in file.lines() if recording.key in used])
    return Pruned(kept, total - kept, before, sum(file.stat().st_size for file in files_of(path)))


def redact(path: Path, pattern: str | None = None) -> Redacted:
    """Without a pattern, take the beginnings of requests out: they are there for readers only. With one, put
    `[redacted]` in the place of whatever it matches, in these and in answers: replays go on, and give the rewritten
    answers.

    Raises ConfigurationError for a pattern that is none, and where it matches in an answer with log-probabilities,
    which belong to its tokens. Nothing is written then.
    """
    _existing(path)
    sought = None if pattern is None else _compiled(pattern)
    requests = answers = 0
    with _in_use(path) as found:
        changed = {}
        for file in found.files:
            before = [recording for recording, _ in file.lines()]
            after = [_redacted(one, sought) for one in before]
            requests += sum(new.request != old.request for old, new in zip(before, after, strict=True))
            answers += sum(new.response != old.response for old, new in zip(before, after, strict=True))
            changed[file.path] = after
        for file in found.files:
            _rewrite(file, changed[file.path])
    return Redacted(requests, answers)


def used_keys(path: Path) -> set[str]:
    """The keys in the `recordings` of a run file's lines, one JSON object a line. Raises ConfigurationError where it
    can't be read, or no line has any."""
    keys: set[str] = set()
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise ConfigurationError(f"{path}: the run file cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        try:
            told = json.loads(line)
        except ValueError as error:
            if number == len(lines) and not line.endswith(b"\n"):
                break  # a run that was killed while it wrote
            raise ConfigurationError(f"{path}:{number}: not a JSON object") from error
        if isinstance(told, dict) and isinstance(told.get("recordings"), list):
            keys.update(map(str, told["recordings"]))
    if not keys:
        raise ConfigurationError(f"{path}: no line names recordings: is it a run file, of a run that used recordings?")
    return keys


def _existing(path: Path) -> list[Path]:
    files = files_of(path)
    if not files:
        raise ConfigurationError(f"{path}: there are no recordings")
    return files


@contextmanager
def _in_use(path: Path) -> Iterator[Cassette]:
    """The cassette, while nobody else records into it."""
    recorder = Recorder(path)
    try:
        yield recorder.open()
    finally:
        recorder.close()


def _must_keep(path: Path, kept: int) -> None:
    if not kept:
        raise ConfigurationError(f"{path}: the runs used none of its recordings: nothing was dropped")


def _rewrite(file: CassetteFile, recordings: list[Recording]) -> None:
    if file.header is not None:
        rewrite(file.path, file.header, recordings)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ConfigurationError(f"the pattern {pattern!r} is no regular expression: {error}") from error


def _redacted(recording: Recording, sought: re.Pattern[str] | None) -> Recording:
    request = recording.request
    if sought is None:
        return recording.model_copy(update={"request": Request(task=request.task, repeat=request.repeat)})
    about = sought.sub(_REDACTED, request.about)
    changed = recording.model_copy(update={"request": request.model_copy(update={"about": about})})
    if isinstance(changed, Chat) and sought.search(changed.response.text):
        if changed.response.logprobs:
            raise ConfigurationError(
                f"the answer {changed.key[:16]}... matches and has log-probabilities of its tokens: record it again"
            )
        text = sought.sub(_REDACTED, changed.response.text)
        return changed.model_copy(update={"response": changed.response.model_copy(update={"text": text})})
    return changed
