"""What a release, a promotion and a rollback begin with: a prompt folder that is the author's own, and that loads."""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import chains
from chains.errors import ConfigurationError, PromptError, PromptSetError, Reason, StepRefused
from chains.prompts.labels import LABELS
from chains.prompts.linting.rules import RULES
from chains.prompts.lock import LOCK
from chains.prompts.registry import PromptSet, Reading, load_prompt_set, read_prompt_set

__all__ = ["load_for", "load_one_for", "reason_of", "writing"]

_TURN = ".lock"


@contextmanager
def writing(step: str, folder: Path) -> Iterator[None]:
    """One step at a time reads, judges and writes: another one waits until this one is done, however it ends.

    Raises ConfigurationError for the prompts inside the installed package, and StepRefused where nothing can be
    written to the folder. A folder that isn't there is for the step to tell.
    """
    _check_own(folder)
    if not folder.is_dir():
        yield
        return
    path = folder / _TURN
    try:
        turn = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), "rb+")
    except OSError as error:
        message = f"{path}: cannot be written: {error.strerror}"
        remedy = "let whoever runs this write to the folder and to this file, which is empty and may be deleted"
        raise StepRefused(step, [Reason("folder", message, remedy)]) from error
    with turn:  # closing it gives the turn back
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


def load_for(step: str, folder: Path) -> PromptSet:
    """The prompts of a folder that a step is to write to.

    Raises ConfigurationError for the prompts inside the installed package, whose next version would undo any step,
    and StepRefused with every error of the folder where it can't be loaded.
    """
    _check_own(folder)
    try:
        return load_prompt_set(folder)
    except PromptSetError as error:
        raise _refused(step, error.errors) from error


def load_one_for(step: str, folder: Path, name: str) -> tuple[PromptSet, tuple[PromptError, ...]]:
    """The same for a step that concerns one prompt and must not wait until others are mended; and what is wrong with
    the others. Raises StepRefused for errors in what the prompt needs: its own files, the shared ones and helper
    prompts without which a version of it can't be loaded, the lock and the labels."""
    _check_own(folder)
    try:
        reading = read_prompt_set(folder)
    except PromptSetError as error:
        raise _refused(step, error.errors) from error
    concerned = _concerned(reading, folder, name)
    if concerned:
        raise _refused(step, concerned)
    return reading.prompts, reading.errors


def _concerned(reading: Reading, folder: Path, name: str) -> list[PromptError]:
    incomplete = any(key.split("@")[0] == name for key in reading.missing)
    places = {"", LOCK, LABELS, name, *(("partials", "schemas") if incomplete else ())}
    found = [error for error in reading.errors if _top(folder, error.path) in places]
    return found or (list(reading.errors) if incomplete else [])


def _top(folder: Path, path: Path | None) -> str:
    """Which file or folder right below the prompt folder a path belongs to; none where it is the folder itself."""
    if path is None:
        return ""
    root = folder if path.is_relative_to(folder) else folder.resolve()
    return next(iter(path.relative_to(root).parts), "") if path.is_relative_to(root) else ""


def _check_own(folder: Path) -> None:
    package = Path(chains.__file__).parent.resolve()
    if folder.resolve().is_relative_to(package):
        raise ConfigurationError(
            f"{folder}: these prompts belong to the installed package, whose next version would undo the step; copy "
            f"them first: cp -r {folder} prompts (./prompts is found by itself, else set prompts.dir)"
        )


def _refused(step: str, errors: Iterable[PromptError]) -> StepRefused:
    return StepRefused(step, [reason_of("load", problem) for problem in errors])


def reason_of(check: str, error: PromptError) -> Reason:
    """What is wrong with a file, as a reason against a step."""
    return Reason(check, str(error.args[0]), error.hint or RULES[error.rule].remedy)
