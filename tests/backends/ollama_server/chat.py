"""/api/chat and /api/generate: load, slot, prompt, and the answer line by line."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.backends.ollama_server.faults import fault_now
from tests.backends.ollama_server.model import Piece
from tests.backends.ollama_server.prompts import Refused, prompt_of

if TYPE_CHECKING:
    from tests.backends.ollama_server.server import OllamaServer

__all__ = ["chat_routes", "failed", "model_missing", "read_body"]

_THOUGHT = ("Let", " me", " think", ".")


def chat_routes(server: "OllamaServer") -> list[web.RouteDef]:
    async def chat(request: web.Request) -> web.StreamResponse:
        return await _answer(server, request, "chat")

    async def generate(request: web.Request) -> web.StreamResponse:
        return await _answer(server, request, "generate")

    return [web.post("/api/chat", chat), web.post("/api/generate", generate)]


def failed(status: int, message: str) -> web.Response:
    """Ollama's refusal."""
    return web.json_response({"error": message}, status=status)


async def read_body(server: "OllamaServer", request: web.Request) -> dict[str, Any] | web.Response:
    """The request's body, or the refusal of one that isn't JSON."""
    raw = await request.read()
    if not raw:
        return failed(400, "missing request body")
    try:
        body = json.loads(raw)
        assert isinstance(body, dict)
    except (ValueError, AssertionError):
        return failed(400, "invalid character in request body")
    return body


def model_missing(server: "OllamaServer", body: Mapping[str, Any]) -> web.Response | None:
    """The refusal of a request for a model that isn't there; `name` is `name:latest`."""
    wanted = body.get("model") or body.get("name") or ""
    if not wanted:
        return failed(400, "model is required")
    full = wanted if ":" in wanted else f"{wanted}:latest"
    if not server.installed or full != server.model_name:
        return failed(404, f"model '{wanted}' not found")
    return None


async def _answer(server: "OllamaServer", request: web.Request, kind: str) -> web.StreamResponse:
    body = await read_body(server, request)
    if isinstance(body, web.Response):
        return body
    if (refusal := model_missing(server, body) or _unfit(server, body)) is not None:
        return refusal
    server.last_body = body
    await server.load(body)
    if not (body.get("messages") if kind == "chat" else body.get("prompt")):
        return _loaded(server, body, kind)
    async with server.slot():
        return await _Answer(server, request, body, kind).send()


def _unfit(server: "OllamaServer", body: Mapping[str, Any]) -> web.Response | None:
    if not 0 <= (body.get("top_logprobs") or 0) <= 20:
        return failed(400, "top_logprobs must be between 0 and 20")
    if body.get("think") is True and "thinking" not in server.capabilities:
        return failed(400, f'"{body["model"]}" does not support thinking')
    if (body.get("options") or {}).get("num_predict") == 0:
        return failed(400, "max_tokens must be positive")
    return None


def _loaded(server: "OllamaServer", body: Mapping[str, Any], kind: str) -> web.Response:
    """What a request without contents asks for; `keep_alive: 0` unloads."""
    unload = body.get("keep_alive") in (0, "0", "0s")
    if unload:
        server.loaded = None
    said: dict[str, Any] = {"message": {"role": "assistant", "content": ""}} if kind == "chat" else {"response": ""}
    reason = "unload" if unload else "load"
    return web.json_response(
        {"model": body["model"], "created_at": _now(), **said, "done": True, "done_reason": reason}
    )


class _Answer:
    """One answer that has its slot."""

    def __init__(self, server: "OllamaServer", request: web.Request, body: dict[str, Any], kind: str) -> None:
        self.server, self.request, self.body, self.kind = server, request, body, kind
        self.fault = fault_now.get()
        self.start = time.monotonic_ns()
        self.written = 0

    async def send(self) -> web.StreamResponse:
        try:
            text, tokens = await prompt_of(self.server, self.body, self.kind)
        except Refused as error:
            return failed(error.status, str(error))
        self.server.last_prompt, self.server.last_tokens = text, tokens
        async with aclosing(self._lines(tokens)) as lines:
            try:
                first = await anext(lines, None)
            except RuntimeError as error:
                return failed(500, str(error))
            if self.body.get("stream") is False:
                return await self._whole(first, lines)
            return await self._stream(first, lines)

    async def _lines(self, tokens: list[int]) -> AsyncGenerator[dict[str, Any], None]:
        server, repeated, last = self.server, 0, ""
        async with aclosing(self._pieces(tokens)) as pieces:
            async for piece in pieces:
                if piece.reason:
                    yield self._end(piece, tokens)
                    return
                self.written += 1
                server.counts.tokens += 1
                repeated = repeated + 1 if piece.text.strip() == last else 0
                last = piece.text.strip()
                if repeated > server.repeat_limit:
                    return
                yield self._line(piece.text, piece.logprobs)

    async def _pieces(self, tokens: list[int]) -> AsyncGenerator[Piece, None]:
        options = dict(self.body.get("options") or {})
        context, room = self.server.context, self.server.context - len(tokens)
        wanted = options.get("num_predict", -1)
        cap = wanted if wanted > 0 else 10 * context
        if not self.server.ignores_truncate and self.body.get("shift") is False:
            cap = min(cap, room)
        asked = {name: self.body.get(name) for name in ("format", "logprobs", "top_logprobs")}
        if "thinking" in self.server.capabilities and self.body.get("think") is not False:
            for thought in _THOUGHT:
                yield Piece(f"\0{thought}")
        async with aclosing(self.server.model.complete(tokens, {**options, **asked, "num_predict": cap})) as pieces:
            async for piece in pieces:
                yield piece

    def _line(self, text: str, logprobs: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
        line: dict[str, Any] = {"model": self.body["model"], "created_at": _now()}
        if self.kind == "generate":
            line["response"] = text.removeprefix("\0")
        elif text.startswith("\0"):
            line["message"] = {"role": "assistant", "content": "", "thinking": text[1:]}
        else:
            line["message"] = {"role": "assistant", "content": text}
        return {**line, "done": False, **({"logprobs": list(logprobs)} if logprobs else {})}

    def _end(self, piece: Piece, tokens: list[int]) -> dict[str, Any]:
        spent = time.monotonic_ns() - self.start
        reason = piece.reason if self.fault.done_reason is None else self.fault.done_reason
        end = {
            **self._line(""),
            "done": True,
            **({"done_reason": reason} if reason else {}),
            "total_duration": spent,
            "load_duration": 1000,
            "prompt_eval_count": len(tokens),
            "prompt_eval_cached_count": piece.cached,
            "prompt_eval_duration": spent // 2,
            "eval_count": self.written,
            "eval_duration": spent // 2,
        }
        return {name: value for name, value in end.items() if name not in self.fault.without}

    async def _whole(self, first: dict[str, Any] | None, lines: AsyncIterator[dict[str, Any]]) -> web.Response:
        told, logprobs, end = "", list[Any](), first or {}
        async for end in _chain(first, lines):
            told += end["message"]["content"] if self.kind == "chat" else end["response"]
            logprobs += end.get("logprobs", ())
        said = {"message": {"role": "assistant", "content": told}} if self.kind == "chat" else {"response": told}
        return web.json_response({**end, **said, **({"logprobs": logprobs} if logprobs else {})})

    async def _stream(self, first: dict[str, Any] | None, lines: AsyncIterator[dict[str, Any]]) -> web.StreamResponse:
        kind = self.fault.content_type or "application/x-ndjson"
        response = web.StreamResponse(headers={"content-type": kind})
        await response.prepare(self.request)
        sent = 0
        try:
            async for line in _chain(first, lines):
                if await self._went_wrong(response, sent):
                    return response
                await self._write(response, json.dumps(line, ensure_ascii=False).encode() + b"\n")
                sent += 1
        except RuntimeError as error:  # HTTP 200 is out already
            await self._write(response, json.dumps({"error": str(error)}).encode() + b"\n")
        return response

    async def _went_wrong(self, response: web.StreamResponse, sent: int) -> bool:
        """Do what the fault wants at this place; True where nothing follows."""
        fault = self.fault
        if sent == fault.stall_after:
            await asyncio.Event().wait()
        if sent == fault.malformed_after:
            await self._write(response, b'{"model": "m", "message": {\n')
        if sent == fault.error_after:
            await self._write(response, json.dumps({"error": fault.error}).encode() + b"\n")
        if sent == fault.cut_after:
            assert self.request.transport is not None
            await asyncio.sleep(0.01)
            self.request.transport.abort()
        return sent in (fault.error_after, fault.cut_after, fault.end_after)

    async def _write(self, response: web.StreamResponse, line: bytes) -> None:
        size = self.fault.split or len(line)
        for start in range(0, len(line), size):
            await response.write(line[start : start + size])
            if self.fault.split:
                await asyncio.sleep(0.0005)


async def _chain(first: dict[str, Any] | None, lines: AsyncIterator[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    if first is not None:
        yield first
    async for line in lines:
        yield line


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
