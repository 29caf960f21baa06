"""What Ollama tells about itself and its models: /api/version, tags, show, ps, pull, embed."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.backends.ollama_server.chat import failed, model_missing, read_body

if TYPE_CHECKING:
    from tests.backends.ollama_server.server import OllamaServer

__all__ = ["catalogue_routes"]

_SIZE = 98_362_432
_DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "llama",
    "families": ["llama"],
    "parameter_size": "134.52M",
    "quantization_level": "Q4_1",
}
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
_VECTOR = 8


def catalogue_routes(server: "OllamaServer") -> list[web.RouteDef]:
    async def version(request: web.Request) -> web.Response:
        return web.json_response({"version": server.version})

    async def tags(request: web.Request) -> web.Response:
        return web.json_response({"models": [_entry(server)] if server.installed else []})

    async def ps(request: web.Request) -> web.Response:
        return web.json_response({"models": [_running(server)] if server.loaded else []})

    async def show(request: web.Request) -> web.Response:
        body = await read_body(server, request)
        refusal = body if isinstance(body, web.Response) else model_missing(server, body)
        return refusal or web.json_response(_shown(server))

    async def pull(request: web.Request) -> web.StreamResponse:
        return await _pull(server, request)

    async def embed(request: web.Request) -> web.Response:
        return await _embed(server, request)

    return [
        web.get("/api/version", version),
        web.get("/api/tags", tags),
        web.get("/api/ps", ps),
        web.post("/api/show", show),
        web.post("/api/pull", pull),
        web.post("/api/embed", embed),
    ]


def _digest(server: "OllamaServer") -> str:
    return hashlib.sha256(server.model_name.encode()).hexdigest()


def _entry(server: "OllamaServer") -> dict[str, Any]:
    return {
        "name": server.model_name,
        "model": server.model_name,
        "modified_at": "2026-01-01T00:00:00Z",
        "size": _SIZE,
        "digest": _digest(server),
        "details": _DETAILS,
    }


def _running(server: "OllamaServer") -> dict[str, Any]:
    entry = {name: value for name, value in _entry(server).items() if name != "modified_at"}
    expires = datetime.now(UTC) + timedelta(seconds=_seconds(server.keep_alive))
    context = server.reported_context if server.reported_context is not None else server.context
    return {**entry, "expires_at": expires.isoformat(), "size_vram": _SIZE, "context_length": context}


def _seconds(keep_alive: Any) -> float:
    """Of a Go duration or a number of seconds; a negative one is for ever."""
    if isinstance(keep_alive, int | float):
        return keep_alive if keep_alive >= 0 else 1e9
    found = re.findall(r"(-?[\d.]+)(ms|s|m|h)", str(keep_alive))
    total = sum(float(number) * _UNITS[unit] for number, unit in found)
    return total if total >= 0 else 1e9


def _shown(server: "OllamaServer") -> dict[str, Any]:
    return {
        "modelfile": f"FROM {server.model_name}",
        "parameters": 'stop "<|im_end|>"',
        "template": "{{ .Prompt }}",
        "details": _DETAILS,
        "model_info": {
            "general.architecture": "llama",
            "general.parameter_count": 134_515_008,
            "llama.context_length": server.model.context,
        },
        "capabilities": list(server.capabilities),
        "modified_at": "2026-01-01T00:00:00Z",
    }


async def _pull(server: "OllamaServer", request: web.Request) -> web.StreamResponse:
    body = await read_body(server, request)
    if isinstance(body, web.Response):
        return body
    known = (body.get("model") or body.get("name")) in (server.model_name, server.model_name.removesuffix(":latest"))
    digest = _digest(server)
    layer = {"status": f"pulling {digest[:12]}", "digest": f"sha256:{digest}", "total": _SIZE}
    steps: list[dict[str, Any]] = [{"status": "pulling manifest"}]
    if known:
        steps += [layer, *({**layer, "completed": _SIZE * part // 4} for part in range(1, 5))]
        steps += [{"status": step} for step in ("verifying sha256 digest", "writing manifest", "success")]
    else:
        steps.append({"error": "pull model manifest: file does not exist"})
    server.installed = server.installed or known
    if body.get("stream") is False:
        return web.json_response(steps[-1], status=200 if known else 500)
    response = web.StreamResponse(headers={"content-type": "application/x-ndjson"})
    await response.prepare(request)
    for step in steps:
        await response.write(json.dumps(step).encode() + b"\n")
    return response


async def _embed(server: "OllamaServer", request: web.Request) -> web.Response:
    """Vectors made of the tokens, not by the model: the embedded server has embeddings switched off."""
    body = await read_body(server, request)
    if isinstance(body, web.Response):
        return body
    if (refusal := model_missing(server, body)) is not None:
        return refusal
    await server.load(body)
    given = body.get("input") or []
    vectors, read = [], 0
    for text in [given] if isinstance(given, str) else given:
        tokens = await server.model.tokenize(text)
        if len(tokens) > server.context:
            if body.get("truncate") is False:
                return failed(400, "the input length exceeds the context length")
            tokens = tokens[: server.context]
        read += len(tokens)
        numbers = hashlib.sha256(repr(tokens).encode()).digest()[:_VECTOR]
        length = sum(number * number for number in numbers) ** 0.5 or 1.0
        vectors.append([number / length for number in numbers])
    durations = {"total_duration": 1000, "load_duration": 1000}
    return web.json_response({"model": body["model"], "embeddings": vectors, **durations, "prompt_eval_count": read})
