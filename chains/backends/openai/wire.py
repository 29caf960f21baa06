"""What is sent to `/chat/completions`, and what its chunks say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata

from chains.backends.control_strings import neutralise
from chains.backends.streamed import CallOptions, role_of
from chains.message_text import text_of

__all__ = ["Delta", "Ending", "chat_messages", "delta", "is_error", "request_options"]


@dataclass(slots=True)
class Delta:
    """One chunk of an answer. `text` is as the server sent it, with neutralised control strings; `finish` is the
    server's word for the end of the answer."""

    text: str = ""
    refusal: bool = False
    finish: str | None = None
    model: str | None = None
    usage: UsageMetadata | None = None
    logprobs: Sequence[dict[str, Any]] = ()


@dataclass(slots=True)
class Ending:
    """What all the chunks heard so far say of the end of the answer."""

    finish: str | None = None
    model: str | None = None
    usage: UsageMetadata | None = None

    def hear(self, said: Delta) -> None:
        self.finish = said.finish or self.finish
        self.model = said.model or self.model
        self.usage = said.usage or self.usage


def chat_messages(messages: Sequence[BaseMessage]) -> list[dict[str, str]]:
    """The messages with no control string in any content. Raises ValueError for one that isn't text."""
    return [{"role": role_of(message), "content": neutralise(text_of(message))} for message in messages]


def request_options(options: CallOptions, *, strict_schema: bool) -> dict[str, Any]:
    """The body's fields for the call keywords, all but the cap on tokens."""
    body: dict[str, Any] = {
        name: value
        for name in ("temperature", "top_p", "frequency_penalty", "seed")
        if (value := getattr(options, name)) is not None
    }
    if options.stop:
        # The answer may hold a stop string as it was sent to the model.
        body["stop"] = list(dict.fromkeys([*options.stop, *map(neutralise, options.stop)]))
    if options.schema is not None:
        schema = {"name": "answer", "schema": _neutral(options.schema), "strict": strict_schema}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if options.logprobs:
        # llama-server takes 0 for no logprobs at all.
        body |= {"logprobs": True, "top_logprobs": max(options.top_logprobs, 1)}
    return body


def _neutral(schema: Any) -> Any:
    """The schema with its texts as the model reads them elsewhere: servers may put it into the prompt. Regular
    expressions stay: a joiner would change what they match."""
    if isinstance(schema, str):
        return neutralise(schema)
    if isinstance(schema, Mapping):
        return {neutralise(key): _neutral_value(key, value) for key, value in schema.items()}
    return [_neutral(item) for item in schema] if isinstance(schema, list | tuple) else schema


def _neutral_value(key: str, value: Any) -> Any:
    if key == "pattern" and isinstance(value, str):
        return value
    if key == "patternProperties" and isinstance(value, Mapping):
        return {pattern: _neutral(schema) for pattern, schema in value.items()}
    return _neutral(value)


def is_error(event: Any) -> bool:
    """`{"error": ...}`, or `{"object": "error"}` as older vLLM servers send it."""
    return isinstance(event, dict) and (bool(event.get("error")) or event.get("object") == "error")


def delta(event: Any) -> Delta:
    """What a chunk says; the last one may have no choices, only usage. What a model thought to itself is left out.

    Raises KeyError, TypeError or ValueError where it isn't a chunk of a chat completion.
    """
    chunk = _object(event)
    usage = _usage(_object(chunk["usage"])) if chunk.get("usage") else None
    model = str(chunk.get("model") or "") or None
    if not chunk["choices"]:
        return Delta(model=model, usage=usage)
    choice = _object(chunk["choices"][0])
    said, logprobs = _object(choice.get("delta")), _object(choice.get("logprobs"))
    return Delta(
        text=_text(said.get("content")),
        refusal=bool(said.get("refusal")),
        finish=choice.get("finish_reason"),
        model=model,
        usage=usage,
        logprobs=[_logprob(_object(token)) for token in logprobs.get("content") or ()] if logprobs else (),
    )


def _object(value: Any) -> Mapping[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise TypeError("an object is wanted")
    return value or {}


def _text(content: Any) -> str:
    if content is not None and not isinstance(content, str):
        raise TypeError("content must be a text")
    return content or ""


def _logprob(token: Mapping[str, Any]) -> dict[str, Any]:
    top = [{"token": str(other["token"]), "logprob": float(other["logprob"])} for other in token["top_logprobs"]]
    return {"token": str(token["token"]), "logprob": float(token["logprob"]), "top_logprobs": top}


def _usage(usage: Mapping[str, Any]) -> UsageMetadata:
    """Reasoning tokens are part of the completion's, and cached tokens part of the prompt's."""
    read = _tokens(usage["prompt_tokens"])
    written = _tokens(usage.get("completion_tokens") or 0)
    found = UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
    cached = _object(usage.get("prompt_tokens_details")).get("cached_tokens")
    reasoned = _object(usage.get("completion_tokens_details")).get("reasoning_tokens")
    if cached is not None:
        found["input_token_details"] = InputTokenDetails(cache_read=_tokens(cached))
    if reasoned is not None:
        found["output_token_details"] = OutputTokenDetails(reasoning=_tokens(reasoned))
    return found


def _tokens(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a number of tokens must be a whole number, and not negative")
    return value
