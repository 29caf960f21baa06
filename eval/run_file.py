"""Run files: what came out of every case of a suite, as JSON lines.

The first line is the header; each further one is an outcome, appended as soon as it is there. A run that is killed
loses at most what it was at: its file is continued where it stopped. A finished run's file is put in order (by variant,
case and repeat), so that it is the same however often the run was interrupted.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from chains.errors import ConfigurationError
from eval.outcomes import Outcome, Variant
from eval.report import Dataset

__all__ = ["RunFile", "RunHeader", "StoredRun", "open_run", "read_run"]

Place = tuple[str, str, int]
"""Variant, case and repeat."""

_BEGINNING = b'{"format":"copydesk-run-1"'


class RunHeader(BaseModel):
    """What a run is of. `examples` are the few-shot and fixed texts of each variant's prompt, by its name, so that the
    outcomes can be scored without the prompts; `mode` is whence answers came: live, or recordings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["copydesk-run-1"] = "copydesk-run-1"
    suite: str
    suite_digest: str
    datasets: tuple[Dataset, ...]
    repeats: int = Field(ge=1)
    variants: tuple[Variant, ...]
    examples: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    mode: str = "live"
    copydesk: str
    created_at: AwareDatetime

    @property
    def total(self) -> int:
        """How many outcomes a finished run has."""
        return sum(dataset.cases for dataset in self.datasets) * len(self.variants) * self.repeats

    def differences(self, other: "RunHeader") -> list[str]:
        """In what another run's outcomes may differ from this one's, in words; nothing where they are of the same."""
        found = []
        if self.suite_digest != other.suite_digest:
            found.append("its suite has other datasets, another sample or other repeats")
        mine, theirs = ({dataset.name: dataset for dataset in header.datasets} for header in (self, other))
        found += [f"the dataset {name} has changed" for name in mine if name in theirs and mine[name] != theirs[name]]
        ours, others = ({variant.name: variant for variant in header.variants} for header in (self, other))
        found += [f"it has no variant {name}" for name in ours if name not in others]
        found += [f"it has the variant {name} too" for name in others if name not in ours]
        for name in ours.keys() & others.keys():
            changed = [key for key in Variant.model_fields if getattr(ours[name], key) != getattr(others[name], key)]
            if changed:
                found.append(f"the variant {name} had another {', '.join(changed)}")
        if self.mode != other.mode:
            found.append(f"it was made with --mode {other.mode}")
        if self.copydesk != other.copydesk:
            found.append(f"it was made by Copydesk {other.copydesk}, and this is {self.copydesk}")
        return found


@dataclass(slots=True)
class StoredRun:
    """What a run file holds. `torn` are the bytes of a last line that was not written to its end, `whole` those
    before them."""

    header: RunHeader
    outcomes: dict[Place, Outcome] = field(default_factory=dict)
    whole: int = 0
    torn: int = 0

    @property
    def is_finished(self) -> bool:
        return len(self.outcomes) >= self.header.total


def read_run(path: Path) -> StoredRun:
    """The outcomes of a run file, also of one that isn't finished. A last line without an end is left out.

    Raises ConfigurationError, with the line, for anything else that is no run file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path}: the run file cannot be read: {error.strerror}") from error
    found = _parsed(path, content)
    if found is None:
        raise ConfigurationError(f"{path}: this run file has no header: its run was stopped before it began")
    return found


def _parsed(path: Path, content: bytes) -> StoredRun | None:
    """None where not even the header was written to its end."""
    whole = content.rfind(b"\n") + 1
    lines = content[:whole].split(b"\n")[:-1]
    if not lines:
        return None
    run = StoredRun(_header(path, lines[0]), whole=whole, torn=len(content) - whole)
    names = {variant.name for variant in run.header.variants}
    for number, line in enumerate(lines[1:], 2):
        try:
            outcome = Outcome.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            told = f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
            raise ConfigurationError(f"{path}:{number}: no outcome: {told}") from error
        if outcome.variant not in names or outcome.repeat >= run.header.repeats:
            raise ConfigurationError(f"{path}:{number}: the header knows no {outcome.variant!r} #{outcome.repeat}")
        if outcome.place in run.outcomes:
            raise ConfigurationError(f"{path}:{number}: {outcome.place} stands twice")
        run.outcomes[outcome.place] = outcome
    return run


def _header(path: Path, line: bytes) -> RunHeader:
    try:
        return RunHeader.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        told = f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
        raise ConfigurationError(f"{path}:1: not the header of a run file: {told}") from error


class RunFile:
    """A run file that is being written. `outcomes` are those that it had and those that were added."""

    def __init__(self, path: Path, descriptor: int, header: RunHeader, outcomes: dict[Place, Outcome]) -> None:
        self.path = path
        self.header = header
        self.outcomes = outcomes
        self._descriptor = descriptor

    def add(self, outcome: Outcome) -> None:
        """Append an outcome; it is the system's when this returns, so that ending the process doesn't lose it."""
        _write(self._descriptor, _line(outcome))
        self.outcomes[outcome.place] = outcome

    def finish(self, places: Sequence[Place]) -> None:
        """Replace the file by one with the outcomes of these places in this order, at once. The places are all that
        the run has."""
        lines = [_line(self.header), *(_line(self.outcomes[place]) for place in places)]
        _replace(self.path, lines)


@contextmanager
def open_run(path: Path, header: RunHeader, *, resume: bool = False) -> Iterator[RunFile]:
    """A file for the outcomes of a run: a new one, or with `resume` also one that exists, which keeps its date.

    Raises ConfigurationError where it exists and isn't to be resumed, is of another run (with what differs), is being
    written by another process, or can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise ConfigurationError(f"{path}: the run file cannot be written: {error.strerror}") from error
    try:
        _take(path, descriptor)
        yield _begun(path, descriptor, header, resume=resume)
    finally:
        os.close(descriptor)


def _take(path: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise ConfigurationError(f"{path}: another process writes this run file") from error


def _begun(path: Path, descriptor: int, header: RunHeader, *, resume: bool) -> RunFile:
    content = path.read_bytes()
    if content and not resume:
        raise ConfigurationError(f"{path}: exists already: continue it with --resume, or name another file")
    found = _parsed(path, content) if content else None
    if found is None:
        _check_torn(path, content)
        os.ftruncate(descriptor, 0)
        _write(descriptor, _line(header))
        return RunFile(path, descriptor, header, {})
    differences = header.differences(found.header)
    if differences:
        told = "; ".join(differences)
        raise ConfigurationError(f"{path}: cannot be continued, as it is of another run: {told}. Name another file")
    os.ftruncate(descriptor, found.whole)
    return RunFile(path, descriptor, found.header, found.outcomes)


def _check_torn(path: Path, content: bytes) -> None:
    """Raises ConfigurationError where a file without a whole line isn't the beginning of a header."""
    length = min(len(content), len(_BEGINNING))
    if content[:length] != _BEGINNING[:length]:
        raise ConfigurationError(f"{path}: cannot be continued, as it is no run file. Name another file")


def _line(model: RunHeader | Outcome) -> bytes:
    return model.model_dump_json(exclude_defaults=isinstance(model, Outcome)).encode() + b"\n"


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _replace(path: Path, lines: Iterable[bytes]) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
