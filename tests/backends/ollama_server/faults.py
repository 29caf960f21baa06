"""What a model server, or something on the way to it, may do wrong."""

from contextvars import ContextVar
from dataclasses import dataclass

__all__ = ["Fault", "fault_now"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong with the requests to `paths`, the first `times` of them (None: all).

    status            answered in place of an answer, with `error` in Ollama's body, or with `body` as it stands
    retry_after       a Retry-After header of that refusal
    content_type      of the refusal, or of an answer that is otherwise good
    redirect          the refusal's Location
    stall_first       nothing is ever sent
    stall_after       nothing more is sent after so many tokens, while the connection stays open
    cut_after         the connection is cut after so many tokens
    end_after         the answer ends properly as HTTP, without `done: true`, after so many tokens
    malformed_after   a line that is no JSON stands after so many tokens
    error_after       a line `{"error": ...}` after so many tokens, within HTTP 200
    done_reason       of the last line, in place of the true one; "" leaves it out
    without           names that the last line lacks
    split             every line is sent in pieces of so many bytes, which tears characters apart
    """

    paths: tuple[str, ...] = ("/api/chat", "/api/generate")
    times: int | None = None
    status: int | None = None
    error: str = "something broke"
    body: bytes | None = None
    retry_after: str | None = None
    content_type: str | None = None
    redirect: str | None = None
    stall_first: bool = False
    stall_after: int | None = None
    cut_after: int | None = None
    end_after: int | None = None
    malformed_after: int | None = None
    error_after: int | None = None
    done_reason: str | None = None
    without: tuple[str, ...] = ()
    split: int | None = None


fault_now: ContextVar[Fault] = ContextVar("fault_now")
"""What the request that is being handled meets."""
