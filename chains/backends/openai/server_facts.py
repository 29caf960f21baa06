"""What a server of OpenAI's protocol tells of itself, beyond the protocol: its context, its slots, its tokenizer.

Nothing is guessed from names: vLLM is known by the owner that it gives its models, llama-server by its `/props`,
which is asked for where the models have no other owner. Other services are asked for their list of models only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import quote

from chains.backends.transport import Transport
from chains.errors import BackendProtocolError, BackendRejected

__all__ = ["ServerFacts", "Software", "discover", "server_count"]

# The context of a model in a list of models: vLLM and SGLang; OpenRouter and Together; Groq; Mistral and LM Studio.
_CONTEXT_FIELDS = ("max_model_len", "context_length", "context_window", "max_context_length")


class Software(Enum):
    LLAMA = "llama-server"
    VLLM = "vLLM"
    OTHER = "OpenAI-compatible server"


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """`models` are the names that the server lists, None where it lists none; `version` may be empty.

    `context_tokens` is the room for prompt and answer together of one request, `slots` how many requests the server
    works on at once; None where it doesn't tell.
    """

    software: Software
    version: str = ""
    models: tuple[str, ...] | None = None
    capabilities: tuple[str, ...] = ()
    context_tokens: int | None = None
    slots: int | None = None
    counts_tokens: bool = False


async def discover(transport: Transport, api: str, model: str) -> ServerFacts:
    """Ask the server, whose protocol is at the path `api` of the transport's address.

    What it refuses to tell is unknown. Raises BackendUnavailable, BackendBusy or BackendTimeout.
    """
    listed = await _asked(transport, f"{api}/models")
    entries = _entries(listed)
    entry = _entry(entries, model)
    owners = {str(entry.get("owned_by", "")).lower() for entry in entries or ()}
    names = tuple(str(entry["id"]) for entry in entries) if entries is not None else None
    context = next((size for name in _CONTEXT_FIELDS if (size := _size(entry.get(name)))), None)
    if "vllm" in owners:
        counts = await _vllm_counts(transport, model)
        version = str(_mapping(await _asked(transport, "/version")).get("version", ""))
        return ServerFacts(Software.VLLM, version, names, (), context, counts_tokens=counts)
    if owners - {"llamacpp"}:
        return ServerFacts(Software.OTHER, "", names, (), context)
    return await _llama(transport, model, entry, ServerFacts(Software.OTHER, "", names, (), context))


async def _llama(transport: Transport, model: str, entry: Mapping[str, Any], known: ServerFacts) -> ServerFacts:
    # A server of several models has a page of properties for each.
    several = len(known.models or ()) > 1
    props = _mapping(await _asked(transport, f"/props?model={quote(model, safe='')}" if several else "/props"))
    settings, meta = _mapping(props.get("default_generation_settings")), _mapping(entry.get("meta"))
    if not settings:
        return known
    context = _size(settings.get("n_ctx")) or _size(meta.get("n_ctx")) or _size(meta.get("n_ctx_train"))
    has = [name for name, is_there in _mapping(props.get("modalities")).items() if is_there is True]
    return ServerFacts(
        Software.LLAMA,
        str(props.get("build_info", "")),
        known.models,
        ("completion", *sorted(has)),
        known.context_tokens or context,
        _size(props.get("total_slots")),
        counts_tokens=True,
    )


async def server_count(
    transport: Transport, facts: ServerFacts, model: str, messages: Sequence[Mapping[str, str]]
) -> int:
    """The tokens of the whole prompt by the server's own template and tokenizer. Raises BackendError."""
    if facts.software is Software.VLLM:
        return await _vllm_count(transport, model, messages)
    async with transport.translated():
        body: dict[str, Any] = {"model": model, "messages": list(messages)}
        prompt = (await transport.post_json("/apply-template", body))["prompt"]
        # The chat endpoint adds what the template doesn't begin with itself, such as `<s>`.
        body = {"model": model, "content": prompt, "add_special": True, "parse_special": True}
        return len((await transport.post_json("/tokenize", body))["tokens"])


async def _vllm_count(transport: Transport, model: str, messages: Sequence[Mapping[str, str]]) -> int:
    body = {"model": model, "messages": list(messages), "add_generation_prompt": True}
    async with transport.translated():
        return int((await transport.post_json("/tokenize", body))["count"])


async def _vllm_counts(transport: Transport, model: str) -> bool:
    """Whether the address is the server's own: behind a gateway its tokenizer may be out of reach."""
    try:
        return await _vllm_count(transport, model, [{"role": "user", "content": "Hello"}]) > 0
    except (BackendRejected, BackendProtocolError):
        return False


async def _asked(transport: Transport, path: str) -> Any:
    try:
        return await transport.get_json(path)
    except (BackendRejected, BackendProtocolError):
        return None


def _entries(listed: Any) -> list[Mapping[str, Any]] | None:
    """The models of `{"data": [{"id"}]}`, or of the bare list that some services send."""
    data = listed.get("data") if isinstance(listed, Mapping) else listed
    if not isinstance(data, list):
        return None
    return [entry for entry in data if isinstance(entry, Mapping) and "id" in entry]


def _entry(entries: Sequence[Mapping[str, Any]] | None, model: str) -> Mapping[str, Any]:
    """That of the configured model, by its name or an alias."""
    for entry in entries or ():
        if model == entry["id"] or model in (entry.get("aliases") or ()):
            return entry
    # llama-server with one model answers under whatever name it is asked.
    alone = entries is not None and len(entries) == 1 and entries[0].get("owned_by") == "llamacpp"
    return entries[0] if entries and alone else {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _size(value: Any) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
