"""What a server's errors mean, before the stream and within it."""

import json
import re
from collections.abc import Mapping
from typing import Any

from chains.backends.transport import refusal
from chains.errors import BackendProtocolError, BackendRejected, ContextExceeded, CopydeskError

__all__ = ["event_error", "finish_error", "response_error"]

# What services write where HTTP has no status: https://platform.openai.com/docs/guides/error-codes
_STATUS_OF_CODE: Mapping[int | str, int] = {
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "server_overloaded": 503,
    "invalid_api_key": 401,
    "model_not_found": 404,
    "invalid_request_error": 400,
    "timeout": 408,
}
_TOO_LONG_CODES = ("context_length_exceeded", "exceed_context_size_error")
_TOO_LONG = re.compile(r"context length|context size|maximum model length|context window", re.I)
# As OpenAI, vLLM (several versions), SGLang and llama.cpp put it.
_LIMIT = re.compile(
    r"(?:context length|context window)(?: of this model)?(?: is(?: only)?| of| \() ?(?<!\d)(\d{1,12})(?!\d)"
    r"|(?:maximum model length of|context size \() ?(?<!\d)(\d{1,12})(?!\d)",
    re.I,
)
_PROMPT = re.compile(
    r"(?<!\d)(\d{1,12})(?!\d) in the (?:messages|prompt)"
    r"|(?:contains|has|passed|resulted in)(?: at least)? (?<!\d)(\d{1,12})(?!\d) (?:input )?tokens"
    r"|\(length (?<!\d)(\d{1,12})(?!\d)\)|(?:request|input) \((?<!\d)(\d{1,12})(?!\d) tokens\)",
    re.I,
)


def response_error(
    backend: str,
    status: int,
    raw: bytes,
    *,
    retry_after: str | None,
    reserved: int,
    api_key_env: str | None,
) -> CopydeskError:
    """The error for a response that isn't 200. `reserved` tokens were asked for the answer.

    What the server said may quote the request, so it stays in `original`; only numbers are taken from it.
    """
    error = refusal(backend, status, raw, retry_after)
    if status in (401, 403):
        remedy = f"check the key in {api_key_env}" if api_key_env else "set api_key_env to the variable that holds one"
        what = "it wants a valid key" if status == 401 else "the key may not do this"
        return BackendRejected(
            f"the server answered {status}: {what}; {remedy}", backend=backend, original=error.original
        )
    if status not in (400, 413, 422):
        return error
    said = _error_object(raw)
    exceeded = _context_exceeded(said, reserved)
    if exceeded is None and _is_too_long(said):
        return BackendRejected(
            f"the server answered {status}: the prompt is too long for it, but it doesn't say by how much; "
            "set context_tokens",
            backend=backend,
            original=error.original,
        )
    return exceeded or error


def event_error(backend: str, raw: bytes, *, reserved: int, api_key_env: str | None) -> CopydeskError:
    """The error that a stream holds after its HTTP 200; without a known code the server broke down."""
    said = _error_object(raw)
    codes = [code for name in ("code", "type") if isinstance(code := said.get(name), int | str)]
    status = next((code for code in codes if isinstance(code, int) and 400 <= code < 600), None)
    status = status or next((_STATUS_OF_CODE[code] for code in codes if code in _STATUS_OF_CODE), None)
    status = status or (400 if _is_too_long(said) else 500)
    return response_error(backend, status, raw, retry_after=None, reserved=reserved, api_key_env=api_key_env)


def finish_error(backend: str, reason: str) -> CopydeskError:
    """The error for an answer that ended otherwise than by itself or at its cap."""
    if reason == "content_filter":
        return BackendRejected("the server's content filter ended the answer", backend=backend)
    if reason in ("tool_calls", "function_call"):
        return BackendProtocolError("the model called a tool instead of answering", backend=backend)
    return BackendProtocolError(f"the answer ended by {str(reason)[:40]!r}", backend=backend)


def _error_object(raw: bytes) -> Mapping[str, Any]:
    """`{"error": {"message", "type", "code"}}`, or the inner object alone as older vLLM servers send it."""
    try:
        whole = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    said = whole.get("error", whole) if isinstance(whole, dict) else {}
    return said if isinstance(said, dict) else {"message": str(said)}


def _is_too_long(said: Mapping[str, Any]) -> bool:
    named = any(said.get(name) in _TOO_LONG_CODES for name in ("code", "type"))
    return named or bool(_TOO_LONG.search(str(said.get("message", ""))))


def _context_exceeded(said: Mapping[str, Any], reserved: int) -> ContextExceeded | None:
    """With both numbers, or not at all."""
    if not _is_too_long(said):
        return None
    message = str(said.get("message", ""))
    limit = _size(said.get("n_ctx")) or _number(_LIMIT, message)
    prompt = _size(said.get("n_prompt_tokens")) or _number(_PROMPT, message)
    if limit is None or prompt is None:
        return None
    return ContextExceeded(needed=prompt + reserved, limit=limit, reserved=reserved)


def _number(pattern: re.Pattern[str], message: str) -> int | None:
    found = pattern.search(message)
    return int(next(group for group in found.groups() if group)) if found else None


def _size(value: Any) -> int | None:
    return value if type(value) is int and value > 0 else None
