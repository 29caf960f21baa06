"""Tracebacks for the log: where it happened, without the values that it happened to."""

import traceback
from collections.abc import Iterator

from chains.errors import CopydeskError

__all__ = ["traceback_of"]

_SPEAK_OF_CODE = (
    *(CopydeskError, OSError, ImportError, MemoryError, RecursionError, AttributeError, TypeError, NameError),
    *(NotImplementedError, KeyboardInterrupt, SystemExit),
)
"""Their messages name files, types and attributes. Those of others, a ValueError's first of all, quote the data."""

_MOST_CHAINED = 10
_CAUSE = "The above exception was the direct cause of the following exception:"
_CONTEXT = "During handling of the above exception, another exception occurred:"


def traceback_of(error: BaseException, *, texts: bool) -> str:
    """The whole traceback with causes and groups. Messages that may quote a caller's text are left out, unless texts
    may be logged."""
    return "\n\n".join(_parts(error, texts, _MOST_CHAINED))


def _parts(error: BaseException, texts: bool, left: int) -> Iterator[str]:
    if left == 0:
        yield "(further causes are left out)"
        return
    if error.__cause__ is not None:
        yield from _parts(error.__cause__, texts, left - 1)
        yield _CAUSE
    elif error.__context__ is not None and not error.__suppress_context__:
        yield from _parts(error.__context__, texts, left - 1)
        yield _CONTEXT
    frames = "".join(traceback.format_tb(error.__traceback__)).rstrip("\n")
    yield f"Traceback (most recent call last):\n{frames}\n{_last_line(error, texts)}"
    if isinstance(error, BaseExceptionGroup):
        for number, one in enumerate(error.exceptions[:_MOST_CHAINED], 1):
            yield f"Number {number} of the group's {len(error.exceptions)}:"
            yield from _parts(one, texts, left - 1)


def _last_line(error: BaseException, texts: bool) -> str:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if texts or isinstance(error, _SPEAK_OF_CODE):
        return f"{name}: {error}"
    return f"{name} (its message may quote a text: logging.texts shows it)"
