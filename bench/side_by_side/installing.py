"""Peers that a run measures: those that are there, and those that it installs."""

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from bench.side_by_side.bench import Bench
from bench.side_by_side.subjects.subject import MissingSubject, Subject

__all__ = ["chosen", "versions"]

_AT_ONCE = 2
_PROGRAMS = {"nginx": ["-v"], "wrk": ["-v"], "node": ["--version"]}


def chosen(bench: Bench, *, install: bool) -> None:
    """Of the bench's subjects those stay that can be measured."""
    wanted = [subject for subject in bench.subjects.values() if subject.installed() is None]
    if not install:
        for subject in wanted:
            bench.lacks(subject.name, "it isn't installed; `make bench` without --quick does that, once")
    else:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for subject, reason in zip(wanted, pool.map(lambda each: _installed(bench, each), wanted), strict=True):
                if reason is not None:
                    bench.lacks(subject.name, reason)
    for name in bench.missing:
        bench.subjects.pop(name, None)


def _installed(bench: Bench, subject: Subject) -> str | None:
    """Why it can't be."""
    bench.tell(f"installing {subject.name}")
    try:
        subject.install()
    except MissingSubject as error:
        return f"it can't be installed: {error}"
    return None


def versions(bench: Bench) -> dict[str, str]:
    """Of the subjects, and of the programs that measure."""
    found = {name: subject.installed() or "" for name, subject in bench.subjects.items() if subject.kind != "direct"}
    for name, arguments in _PROGRAMS.items():
        program = shutil.which(name) or shutil.which(name, path="/usr/sbin")
        if program is not None:
            with suppress(OSError):
                done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=10, check=False)
                told = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
                found[name] = told[0] if told else "?"
    return found
