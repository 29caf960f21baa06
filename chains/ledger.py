"""The account of one request: every model call that it causes is entered here, also those of a failed chain.

The ledger travels in a context variable, so that chains needn't pass it on: tasks that asyncio spawns for
parallel calls inherit it, and two requests never share one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from langchain_core.messages import AIMessage

from chains.result import Usage

__all__ = ["Ledger", "enter", "open_ledger"]

_current: ContextVar["Ledger | None"] = ContextVar("copydesk_ledger", default=None)


class Ledger:
    """Sums what the model servers report. `model` is the name that the last one gave itself."""

    def __init__(self) -> None:
        self.usage = Usage()
        self.model = ""
        self.model_seconds = 0.0

    def add(self, message: AIMessage, seconds: float) -> None:
        """Enter one finished call: its usage as the server reported it, and how long it took."""
        reported = message.usage_metadata
        before = self.usage
        details = reported.get("input_token_details", {}) if reported else {}
        self.usage = Usage(
            input_tokens=before.input_tokens + (reported["input_tokens"] if reported else 0),
            cached_input_tokens=before.cached_input_tokens + details.get("cache_read", 0),
            output_tokens=before.output_tokens + (reported["output_tokens"] if reported else 0),
            model_calls=before.model_calls + 1,
        )
        self.model = message.response_metadata.get("model_name", self.model)
        self.model_seconds += seconds


@contextmanager
def open_ledger() -> Iterator[Ledger]:
    """Start the account of one request; calls made inside are entered into it."""
    ledger = Ledger()
    token = _current.set(ledger)
    try:
        yield ledger
    finally:
        _current.reset(token)


def enter(message: AIMessage, seconds: float) -> None:
    """Enter one finished call in the open ledger; without one (a chain run on its own) nothing is kept."""
    ledger = _current.get()
    if ledger is not None:
        ledger.add(message, seconds)
