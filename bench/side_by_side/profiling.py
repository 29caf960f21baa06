"""What a request of Copydesk spends its CPU time on: by packages and by functions, as Markdown.

The service runs on the canned backend that answers at once, with all that `make bench` has on, and is looked at after
each tick of its CPU time (sampler.py): other work on the machine changes nothing.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.side_by_side.canned import canned
from bench.side_by_side.load import Load, loaded
from bench.side_by_side.subjects.copydesk import Copydesk
from bench.side_by_side.subjects.environments import ROOT
from bench.side_by_side.subjects.subject import MissingSubject

__all__ = ["Function", "package", "table"]

_LONGEST, _ABOVE_ALL = 40, 0.98
"""Functions that are named. Those that nearly everything runs in say nothing, and aren't."""
_WARM_S = 2

Function = tuple[str, int, str]
"""A file, a line in it, a name."""
Samples = Sequence[tuple[Sequence[Function], int]]
"""Stacks, innermost function first, and how often each was seen."""


def main(arguments: Sequence[str]) -> int:
    given = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="copydesk-bench-") as name:
        try:
            load, samples = _profiled(Path(name), given.connections, given.seconds)
        except MissingSubject as error:
            print(error, file=sys.stderr)
            return 1
    print(f"{load.rates.requests} requests, {load.cpu_ms:.2f} ms of CPU time each (with the looking).\n")
    print("\n".join(table(samples, load.cpu_ms)))
    return 0


def package(file: str) -> str:
    """Whose function it is: a package of ours, an installed one, or the standard library."""
    path = Path(file)
    if "site-packages" in path.parts:
        return path.parts[path.parts.index("site-packages") + 1]
    return path.relative_to(ROOT).parts[0] if path.is_relative_to(ROOT) else "standard library"


def table(samples: Samples, cpu_ms: float) -> Iterator[str]:
    """Lines. `cpu_ms` is that of a request, of which each gets its share."""
    whole = sum(count for _, count in samples)
    packages, own, within = Counter[str](), Counter[Function](), Counter[Function]()
    for stack, count in samples:
        functions = [(file, line, name) for file, line, name in stack]
        packages[package(functions[0][0])] += count
        own[functions[0]] += count
        within.update(dict.fromkeys(functions, count))
    yield from ("| package | ms of a request | share |", "| --- | --- | --- |")
    for name, count in packages.most_common():
        if count >= whole / 200:
            yield f"| {name} | {cpu_ms * count / whole:.3f} | {count / whole:.1%} |"
    for title, found in (("itself", own), ("with all that it calls", within)):
        yield from ("", f"| function, {title} | ms of a request | share |", "| --- | --- | --- |")
        telling = [(function, count) for function, count in found.most_common() if count <= whole * _ABOVE_ALL]
        for (file, line, name), count in telling[:_LONGEST]:
            place = f"{package(file)}, {Path(file).name}:{line}"
            yield f"| {place} `{name}` | {cpu_ms * count / whole:.3f} | {count / whole:.1%} |"


def _profiled(folder: Path, connections: int, seconds: float) -> tuple[Load, Samples]:
    """Raises MissingSubject."""
    (folder / "copydesk").mkdir()
    out = folder / "samples.json"
    subject = Copydesk(under=["-m", "bench.side_by_side.sampler", str(out)])
    with canned(folder) as backend, subject.running(backend.backend(), folder / "copydesk") as running:
        loaded(running, connections, _WARM_S, folder)
        os.kill(running.session, signal.SIGUSR1)
        load = loaded(running, connections, seconds, folder)
    if not out.is_file():
        raise MissingSubject("the service left no samples")
    return load, json.loads(out.read_text(encoding="utf-8"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.side_by_side.profiling", description=__doc__)
    parser.add_argument("--connections", type=int, default=16, help="(default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=15, help="(default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
