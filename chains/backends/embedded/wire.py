"""What goes over the wire to llama.cpp's own HTTP interface, and what comes back."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata

from chains.errors import BackendError, BackendRejected, BackendUnavailable, ContextExceeded, CopydeskError

__all__ = ["FINISHED", "completion_body", "refusal", "server_sent", "usage"]

_DEFAULT_MAX_TOKENS = 512
_LONGEST_LINE = 8 << 20
_TOO_LONG = "exceed_context_size_error"
# llama.cpp's reason for the end of an answer, and what LangChain calls it.
FINISHED = {"eos": "stop", "word": "stop", "limit": "length"}
# Free white space in JSON is half of a small model's tokens, and it can write white space without end.
_ONE_LINE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
_OPTIONS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "temperature": lambda value: {"temperature": value},
    "max_tokens": lambda value: {"n_predict": value},
    "top_p": lambda value: {"top_p": value},
    "frequency_penalty": lambda value: {"frequency_penalty": value},
    "seed": lambda value: {"seed": value},
    "response_format": lambda value: {"json_schema": _json_schema(value)},
}


def completion_body(stop: list[str] | None, options: dict[str, Any]) -> dict[str, Any]:
    """The body of a completion, all but its prompt.

    Raises TypeError for an option that isn't known, ValueError for one whose value is wrong.
    """
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        raise TypeError(f"The embedded model takes no {', '.join(unknown)}; it takes stop, {', '.join(_OPTIONS)}")
    body: dict[str, Any] = {"n_predict": _DEFAULT_MAX_TOKENS, "stop": stop or []}
    for name, value in options.items():
        if value is not None:
            body |= _OPTIONS[name](value)
    if body["n_predict"] < 1:
        raise ValueError(f"max_tokens must be at least 1, not {body['n_predict']}; llama.cpp takes less as no limit")
    # Streamed also for whole answers: llama.cpp sees a hang-up only where it has something to send.
    return {**body, "stream": True, "return_progress": True, "cache_prompt": True}


def _json_schema(response_format: dict[str, Any]) -> dict[str, Any]:
    try:
        schema = dict(response_format["json_schema"]["schema"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            'response_format must be {"type": "json_schema", "json_schema": {"name": ..., "schema": {...}}}'
        ) from error
    return {**schema, "x-guidance": _ONE_LINE}


async def server_sent(content: aiohttp.StreamReader) -> AsyncIterator[dict[str, Any]]:
    """The JSON objects of a stream of server-sent events. Raises ValueError for anything else."""
    buffer = b""
    async for data in content.iter_any():
        buffer += data
        *lines, buffer = buffer.split(b"\n")
        if len(buffer) > _LONGEST_LINE:
            raise ValueError("an event is too long")
        for line in lines:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])
            elif line.startswith(b"error: "):
                yield {"error": json.loads(line[7:])}


def refusal(backend: str, status: int, raw: bytes) -> CopydeskError:
    """llama.cpp's errors: `{"error": {"code", "message", "type"}}` with an HTTP status, or in the stream.

    Its message may quote the request, so only its type is passed on; the whole stays in `original`.
    """
    try:
        error = json.loads(raw)["error"]
        kind = str(error["type"])
    except (ValueError, KeyError, TypeError):
        error, kind = {}, "no reason given"
    if kind == _TOO_LONG:
        return ContextExceeded(needed=error["n_prompt_tokens"], limit=error["n_ctx"], reserved=0)
    refused: type[BackendError] = BackendRejected if 400 <= status < 500 else BackendUnavailable
    original = ValueError(raw.decode(errors="replace"))
    return refused(f"llama.cpp answered {status} ({kind})", backend=backend, original=original)


def usage(event: dict[str, Any]) -> UsageMetadata:
    """`tokens_evaluated` is the whole prompt, `timings.cache_n` the part of it that was in the slot's cache."""
    read, written = event["tokens_evaluated"], event["tokens_predicted"]
    cached = InputTokenDetails(cache_read=event["timings"]["cache_n"])
    return UsageMetadata(
        input_tokens=read, output_tokens=written, total_tokens=read + written, input_token_details=cached
    )
