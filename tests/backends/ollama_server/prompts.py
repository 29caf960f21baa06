"""How Ollama makes a prompt of messages, and what it does with one that is too long.

Its source at v0.33: server/prompt.go drops the oldest messages, never a system message and never the last one;
llm/llama_server.go then keeps the first tokens and the tail, together about half of the context. `truncate: false`
skips both, and llama.cpp refuses a prompt that fills its context. Before 0.12.6 nothing skips them, and the cut is to
the context as a whole.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.backends.ollama_server.server import OllamaServer

__all__ = ["Refused", "prompt_of"]

_KEPT = 4


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def prompt_of(server: "OllamaServer", body: Mapping[str, Any], kind: str) -> tuple[str, list[int]]:
    """The prompt as text and as the tokens that the model reads. Raises Refused."""
    messages = list(body["messages"]) if kind == "chat" else _as_messages(body)
    cuts = server.ignores_truncate or server.loses_truncate or body.get("truncate") is not False
    text, tokens = await _rendered(server, messages, body)
    whole = len(tokens)
    if cuts:
        for first in range(1, len(messages)):
            if len(tokens) <= server.context:
                break
            system = [message for message in messages[:first] if message["role"] == "system"]
            text, tokens = await _rendered(server, [*system, *messages[first:]], body)
        if len(tokens) >= server.context and not server.native_template:
            tokens = _cut(tokens, server.context, to_half=not server.ignores_truncate)
    if len(tokens) >= server.context and not server.ignores_truncate:
        raise Refused(400, _too_long(len(tokens), server.context))
    server.counts.cut += len(tokens) < whole
    return text, tokens


async def _rendered(server: "OllamaServer", messages: list[Any], body: Mapping[str, Any]) -> tuple[str, list[int]]:
    text = body["prompt"] if body.get("raw") else await server.model.render(messages)
    return text, await server.model.tokenize(text)


def _as_messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    system = [{"role": "system", "content": body["system"]}] if body.get("system") else []
    return [*system, {"role": "user", "content": body["prompt"]}]


def _cut(tokens: list[int], context: int, *, to_half: bool) -> list[int]:
    limit = context - (context - _KEPT) // 2 if to_half else context
    return tokens[:_KEPT] + tokens[len(tokens) - (limit - _KEPT) :]


def _too_long(tokens: int, context: int) -> str:
    detail = {
        "code": 400,
        "message": f"request ({tokens} tokens) exceeds the available context size ({context} tokens), "
        "try increasing it",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": tokens,
        "n_ctx": context,
    }
    return json.dumps({"error": detail}, separators=(",", ":"))
