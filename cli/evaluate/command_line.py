"""The command that was called, for messages that say what to call next."""

import shlex
import sys
from collections.abc import Iterator, Sequence

__all__ = ["same_command"]


def same_command(*, mode: str | None = None, resume: bool = False) -> str:
    """The command as it was called, with another mode, or to be resumed."""
    given = sys.argv[1:]
    words = list(_without_mode(given)) if mode is not None else list(given)
    if mode is not None:
        words += ["--mode", mode]
    if resume and "--resume" not in words:
        words.append("--resume")
    return shlex.join(["copydesk", *words])


def _without_mode(words: Sequence[str]) -> Iterator[str]:
    skipped = False
    for word in words:
        if skipped or word.startswith("--mode="):
            skipped = False
        elif word in ("--mode", "-m"):
            skipped = True
        else:
            yield word
