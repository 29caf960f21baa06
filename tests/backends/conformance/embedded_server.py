"""llama.cpp's wire on a Unix socket, played without a model: as much of it as the embedded kind uses.

Its tokens are words. What it does is a Situation's to say.
"""

import asyncio
import json
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from tests.backends.conformance.situations import Situation

__all__ = ["EmbeddedServer"]


class EmbeddedServer:
    """`running` answers are being given, `generated` tokens were sent in all."""

    def __init__(self, socket: Path, situation: Situation) -> None:
        self.running = 0
        self.generated = 0
        self._socket = socket
        self._situation = situation
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_get("/health", self._health)
        application.router.add_post("/apply-template", self._apply_template)
        application.router.add_post("/tokenize", self._tokenize)
        application.router.add_post("/completion", self._completion)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self._socket)).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _apply_template(self, request: web.Request) -> web.Response:
        contents = [message["content"] for message in (await request.json())["messages"]]
        return web.json_response({"prompt": "<s> " + " <m> ".join(contents) + " </s>"})

    async def _tokenize(self, request: web.Request) -> web.Response:
        content = (await request.json())["content"]
        parts = content if isinstance(content, list) else [content]
        tokens = [token for part in parts for token in ([part] if isinstance(part, int) else [7] * len(part.split()))]
        return web.json_response({"tokens": tokens})

    async def _completion(self, request: web.Request) -> web.StreamResponse:
        body, situation = await request.json(), self._situation
        if situation.status is not None:
            headers = {} if situation.retry_after is None else {"retry-after": situation.retry_after}
            error = {"error": {"code": situation.status, "message": str(body["prompt"]), "type": "some_error"}}
            return web.json_response(error, status=situation.status, headers=headers)
        if situation.content_type is not None:
            return web.Response(body=b"<html>Welcome!</html>", content_type=situation.content_type)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        self.running += 1
        try:
            await self._answer(request, response, body)
        finally:
            self.running -= 1
        return response

    async def _answer(self, request: web.Request, response: web.StreamResponse, body: dict[str, Any]) -> None:
        tokens, read = self._situation.tokens, len(body["prompt"])
        await self._write(response, _event(prompt_progress={"total": read, "processed": read}))
        for position, token in enumerate(tokens):
            if await self._went_wrong(request, response, position):
                return
            await asyncio.sleep(self._situation.token_s)
            self.generated += 1
            await self._write(response, _event(content=token, tokens_predicted=position + 1))
        if not await self._went_wrong(request, response, len(tokens)):
            counts = {"tokens_evaluated": read, "tokens_predicted": len(tokens), "timings": {"cache_n": 0}}
            await self._write(response, _event(stop=True, stop_type="eos", **counts))

    async def _went_wrong(self, request: web.Request, response: web.StreamResponse, position: int) -> bool:
        """Do what is to happen at this place; True where nothing follows."""
        situation = self._situation
        if position == situation.stall_after:
            await asyncio.Event().wait()
        if position == situation.malformed_after:
            await self._write(response, b"data: {half\n\n")
        if position == situation.error_after:
            await self._write(response, b'error: {"code": 500, "message": "m", "type": "server_error"}\n\n')
        if position == situation.cut_after:
            assert request.transport is not None
            await asyncio.sleep(0.01)
            request.transport.abort()
        return position in (situation.error_after, situation.cut_after, situation.end_after)

    async def _write(self, response: web.StreamResponse, data: bytes) -> None:
        size = self._situation.write_bytes or len(data)
        for start in range(0, len(data), size):
            await response.write(data[start : start + size])
            await asyncio.sleep(0)


def _event(**fields: Any) -> bytes:
    return f"data: {json.dumps({'content': '', 'stop': False, **fields}, ensure_ascii=False)}\n\n".encode()
