"""What goes over the wire to Ollama's own API, and what comes back.

By its source at v0.33 and by published recordings of 0.12.5 to 0.40.2.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from math import isnan
from typing import Any

import aiohttp
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata

from chains.backends.streamed import CallOptions
from chains.backends.transport import refusal
from chains.backends.watched import token_count
from chains.errors import BackendError, BackendProtocolError, BackendRejected, BackendUnavailable

__all__ = [
    "DEFAULT_MAX_TOKENS",
    "Overflow",
    "absent",
    "broken_off",
    "chat_body",
    "check_options",
    "finish_reason",
    "json_lines",
    "overflow",
    "refused",
    "said_text",
    "token_logprobs",
    "usage",
]

DEFAULT_MAX_TOKENS = 512
"""The cap on an answer for which nobody names one. Ollama's own is ten times its context."""

_LONGEST_LINE = 8 << 20
_TOO_LONG = "exceed_context_size_error"
_TOO_LONG_TEXTS = (
    "the input length exceeds the context length",
    "the prompt is longer than the context length",
    "prompt too long; exceeded max context length",
)
_FINISHED = ("stop", "length")
_MOST_TOP_LOGPROBS = 20


class Overflow(Exception):
    """The server refused a prompt for its length. `tokens` of prompt and `limit` are None where it didn't say."""

    def __init__(self, tokens: int | None = None, limit: int | None = None) -> None:
        super().__init__("the prompt is too long")
        self.tokens = tokens
        self.limit = limit


def check_options(options: CallOptions) -> None:
    """Raises ValueError where more alternatives are asked for than Ollama reports."""
    if options.top_logprobs > _MOST_TOP_LOGPROBS:
        raise ValueError(f"top_logprobs must be at most {_MOST_TOP_LOGPROBS} for Ollama, not {options.top_logprobs}")


def chat_body(
    messages: Sequence[Mapping[str, str]], options: CallOptions, constant: Mapping[str, Any]
) -> dict[str, Any]:
    """What one call adds to the constant part of every request's body."""
    call = {
        "num_predict": options.max_tokens or DEFAULT_MAX_TOKENS,
        "stop": list(options.stop) or None,
        "temperature": options.temperature,
        "top_p": options.top_p,
        "frequency_penalty": options.frequency_penalty,
        "seed": options.seed,
    }
    given = {name: value for name, value in call.items() if value is not None}
    body = {**constant, "messages": list(messages), "stream": True, "options": {**constant["options"], **given}}
    if options.schema is not None:
        body["format"] = dict(options.schema)
    if options.logprobs:
        body |= {"logprobs": True, "top_logprobs": options.top_logprobs}
    return body


async def json_lines(content: aiohttp.StreamReader) -> AsyncIterator[dict[str, Any]]:
    """The objects of a stream of NDJSON, however its bytes are cut. Raises ValueError for anything else."""
    begun = bytearray()
    async for data in content.iter_any():
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = bytes(begun + lines[0])
            begun.clear()
        begun += rest
        for line in lines:
            if line.strip():
                yield _object(line)
        if len(begun) > _LONGEST_LINE:
            raise ValueError("a line is too long")
    if begun.strip():
        yield _object(bytes(begun))


def _object(line: bytes) -> dict[str, Any]:
    found = json.loads(line)
    if not isinstance(found, dict):
        raise ValueError("a line is no object")
    return found


def finish_reason(line: Mapping[str, Any], backend: str) -> str:
    """The reason of a line with `done: true`: `stop` or `length`. Raises BackendProtocolError for another."""
    reason = line.get("done_reason")
    if reason not in _FINISHED:
        told = f"for the reason {str(reason)[:40]!r}" if reason else "without a reason"
        raise BackendProtocolError(f"the answer ended {told}; update the server", backend=backend)
    return str(reason)


def usage(line: Mapping[str, Any]) -> UsageMetadata:
    """Ollama leaves out what is zero; a prompt never is. Raises KeyError where it is absent, ValueError for what is no
    count."""
    read, written = token_count(line["prompt_eval_count"]), token_count(line.get("eval_count", 0))
    found = UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
    if (cached := line.get("prompt_eval_cached_count")) is not None:
        found["input_token_details"] = InputTokenDetails(cache_read=token_count(cached))
    return found


def said_text(line: Mapping[str, Any]) -> str:
    """Raises KeyError or TypeError where there is none."""
    content = line["message"]["content"]
    if not isinstance(content, str):
        raise TypeError("content is no text")
    return content


def token_logprobs(line: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The line's logprobs in the form of all our chat models. Raises an error of any kind where they are malformed."""
    return [
        {**_logprob(one), "top_logprobs": [_logprob(other) for other in one.get("top_logprobs") or ()]}
        for one in line.get("logprobs") or ()
    ]


def _logprob(one: Mapping[str, Any]) -> dict[str, Any]:
    token, logprob = one["token"], float(one["logprob"])
    if not isinstance(token, str) or isnan(logprob):
        raise ValueError("a logprob is no token with a number")
    return {"token": token, "logprob": logprob}


def overflow(raw: bytes) -> Overflow | None:
    """What a 400 says of a prompt that is too long; None where it says something else.

    Since 0.13 `error` is llama.cpp's whole answer, as a string: `{"error": {"type", "n_prompt_tokens", "n_ctx"}}`.
    """
    text = _error_text(raw)
    if any(known in text for known in _TOO_LONG_TEXTS):
        return Overflow()
    try:
        detail = json.loads(text)["error"]
        if detail["type"] == _TOO_LONG:
            return Overflow(token_count(detail["n_prompt_tokens"]), token_count(detail["n_ctx"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    return None


def _error_text(raw: bytes) -> str:
    try:
        text = json.loads(raw)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return text if isinstance(text, str) else json.dumps(text)


def refused(backend: str, model: str, status: int, raw: bytes, retry_after: str | None = None) -> BackendError:
    """The error for a status that isn't 200. What the server said may quote the request: it stays in `original`."""
    text = _error_text(raw)
    error = refusal(backend, status, raw, retry_after)
    if status == 404 and "model" in text and "not found" in text:
        return absent(backend, model, error.original)
    if status == 500 and "memory" in text and "requires more" in text:
        message = f"the model {model!r} doesn't fit into the server's memory: use a smaller model, or a smaller num_ctx"
        return BackendUnavailable(message, backend=backend, original=error.original)
    return error


def absent(backend: str, model: str, original: BaseException | None = None) -> BackendRejected:
    """The server hasn't got the model."""
    return BackendRejected(
        f"the server has no model {model!r}: get it with `ollama pull {model}` on its host, "
        f"or with `copydesk backends pull {backend}`",
        backend=backend,
        original=original,
    )


def broken_off(backend: str, line: Mapping[str, Any]) -> BackendError:
    """The error for a line `{"error": ...}` in an answer that had begun with HTTP 200."""
    original = ValueError(json.dumps(line))
    message = "the server broke off the answer with an error: see its log"
    return BackendUnavailable(message, backend=backend, original=original)
