"""What goes over the wire to llama.cpp's own HTTP interface, and what comes back."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import aiohttp
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata

from chains.backends import transport
from chains.backends.streamed import CallOptions
from chains.errors import ContextExceeded, CopydeskError

__all__ = [
    "DEFAULT_MAX_TOKENS",
    "FINISHED",
    "MESSAGE_TOKENS",
    "completion_body",
    "next_token_body",
    "refusal",
    "server_sent",
    "token_logprob",
    "usage",
]

DEFAULT_MAX_TOKENS = 512
"""The cap on an answer for which nobody names one."""

MESSAGE_TOKENS = 64
"""More than the tokens that any chat template puts around a message."""

# The log-probabilities of a vocabulary of 256,000 tokens are 24 MB.
_LONGEST_LINE = 32 << 20
_TOO_LONG = "exceed_context_size_error"
# llama.cpp's reason for the end of an answer, and what LangChain calls it.
FINISHED = {"eos": "stop", "word": "stop", "limit": "length"}
# Free white space in JSON is half of a small model's tokens, and it can write white space without end.
_ONE_LINE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
# Streamed also for whole answers: llama.cpp sees a hang-up only where it has something to send.
_STREAMED = {"stream": True, "return_progress": True, "cache_prompt": True}


def completion_body(options: CallOptions) -> dict[str, Any]:
    """The body of a completion, all but its prompt."""
    body: dict[str, Any] = {
        "n_predict": options.max_tokens or DEFAULT_MAX_TOKENS,
        "stop": list(options.stop),
        "temperature": options.temperature,
        "top_p": options.top_p,
        "frequency_penalty": options.frequency_penalty,
        "seed": options.seed,
        "n_probs": max(options.top_logprobs, 1) if options.logprobs else None,
        "json_schema": {**options.schema, "x-guidance": _ONE_LINE} if options.schema is not None else None,
    }
    return {**{name: value for name, value in body.items() if value is not None}, **_STREAMED}


def next_token_body(prompt: list[int], count: int, harmless: int) -> dict[str, Any]:
    """The body of a question for the log-probabilities of the `count` likeliest tokens after a prompt.

    `harmless` is a token that is whole text. It is what gets generated, because llama.cpp reports nothing for a token
    that ends within a character; log-probabilities are from before the bias.
    """
    body = {"prompt": prompt, "n_predict": 1, "n_probs": count, "temperature": 0, "logit_bias": [[harmless, 1000]]}
    return {**body, **_STREAMED}


def token_logprob(token: dict[str, Any]) -> dict[str, Any]:
    """One token of llama.cpp's `completion_probabilities` in the form of all our chat models."""
    names = ("token", "logprob")
    top = [{name: other[name] for name in names} for other in token["top_logprobs"]]
    return {**{name: token[name] for name in names}, "top_logprobs": top}


async def server_sent(content: aiohttp.StreamReader) -> AsyncGenerator[dict[str, Any], None]:
    """The JSON objects of a stream of server-sent events. Raises ValueError for anything else."""
    buffer = bytearray()
    async for data in content.iter_any():
        buffer += data
        if len(buffer) > _LONGEST_LINE:
            raise ValueError("an event is too long")
        if b"\n" not in data:
            continue
        *lines, buffer = buffer.split(b"\n")
        for line in lines:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])
            elif line.startswith(b"error: "):
                yield {"error": json.loads(line[7:])}


def refusal(backend: str, status: int, raw: bytes, retry_after_header: str | None = None) -> CopydeskError:
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
    found = transport.refusal(backend, status, raw, retry_after_header)
    return type(found)(
        f"llama.cpp answered {status} ({kind})",
        backend=backend,
        original=found.original,
        retry_after_s=found.retry_after_s,
    )


def usage(event: dict[str, Any]) -> UsageMetadata:
    """`tokens_evaluated` is the whole prompt, `timings.cache_n` the part of it that was in the slot's cache."""
    read, written = event["tokens_evaluated"], event["tokens_predicted"]
    cached = InputTokenDetails(cache_read=event["timings"]["cache_n"])
    return UsageMetadata(
        input_tokens=read, output_tokens=written, total_tokens=read + written, input_token_details=cached
    )
