"""How far a run is: a bar where stderr is a terminal, else a line now and then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eval.running import Progress

__all__ = ["money", "shown_progress", "span"]

_EVERY_S = 15.0
_NANO = 1_000_000_000


@contextmanager
def shown_progress(name: str, what: str = "cases") -> Iterator[Callable[["Progress"], None]]:
    """Gives what is to be told of each outcome."""
    if sys.stderr.isatty():
        with _bar(name) as tell:
            yield tell
    else:
        yield _Lines(name, what).tell


@contextmanager
def _bar(name: str) -> Iterator[Callable[["Progress"], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[told]}"))
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(name, total=None, told="")

        def tell(progress: "Progress") -> None:
            bars.update(bar, total=progress.total, completed=progress.resumed + progress.done, told=_told(progress))

        yield tell


class _Lines:
    def __init__(self, name: str, what: str) -> None:
        self._name = name
        self._what = what
        self._last = time.monotonic()

    def tell(self, progress: "Progress") -> None:
        through = progress.resumed + progress.done
        is_first = progress.done == 0 and progress.resumed > 0
        if is_first or time.monotonic() - self._last >= _EVERY_S:
            self._last = time.monotonic()
            told = _told(progress)
            line = f"{self._name}: {through} of {progress.total} {self._what}{', ' if told else ''}{told}"
            print(line, file=sys.stderr, flush=True)


def _told(progress: "Progress") -> str:
    parts = [f"{progress.resumed} from before"] if progress.resumed and not progress.done else []
    if progress.missing:
        parts.append(f"{progress.missing} not recorded")
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    if progress.cost_nano_usd is not None:
        parts.append(money(progress.cost_nano_usd))
    if progress.seconds_to_go:
        parts.append(f"{span(progress.seconds_to_go)} to go")
    return ", ".join(parts)


def money(nano_usd: int) -> str:
    """Billionths of a dollar as dollars, to four places at the least."""
    usd = nano_usd / _NANO
    return f"${usd:.4f}" if usd >= 0.01 or not usd else f"${usd:.7f}"


def span(seconds: float) -> str:
    """A time for people: `41 s`, `3 min`, `2 h 5 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
