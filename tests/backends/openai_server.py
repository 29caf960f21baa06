"""A small server of OpenAI's protocol that does on purpose what real servers do when they are broken.

    async with OpenAIServer(Script(tokens=("a", "b"), cut_after=1)) as server:
        model = server.config(idle_timeout_s=0.2).create("gpu")

Everything is a knob of `Script`; the server notes what reached it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from aiohttp import web

from chains.backends.openai.chat_model import OpenAIChatModel
from chains.backends.openai.configuration import OpenAIConfig

__all__ = ["USAGE", "OpenAIServer", "Script", "ask", "event", "using"]

T = TypeVar("T")

USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 2,
    "total_tokens": 22,
    "prompt_tokens_details": {"cached_tokens": 8},
}


@dataclass(frozen=True, slots=True)
class Script:
    """How each request for an answer goes.

    tokens           the text, one event each
    status, body     another status with its body instead of a stream, and `headers` with either
    content_type     of the stream
    stall_after      after so many tokens nothing more comes (0: no first token)
    cut_after        after so many tokens the connection is cut
    delay_s          the wait before each token
    raw              bytes that go out as they are before the token of that number (a comment, an error, no JSON)
    finish, usage    what the last events say; None leaves them out
    done             whether `[DONE]` comes
    line_end         of the events' lines
    write_bytes      the size of the pieces in which bytes go out, so that characters and lines are cut
    delta            further fields of each token's delta, choice further fields of its choice
    model            the name that the server reports
    pages            for other paths: a status and a JSON value, after page_delay_s
    linger_s         how long the connection stays open after the last event
    """

    tokens: tuple[str, ...] = ("one ", "two")
    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "text/event-stream"
    stall_after: int | None = None
    cut_after: int | None = None
    delay_s: float = 0
    raw: Mapping[int, bytes] = field(default_factory=dict)
    finish: str | None = "stop"
    usage: Mapping[str, Any] | None = field(default_factory=lambda: dict(USAGE))
    done: bool = True
    line_end: str = "\n"
    write_bytes: int | None = None
    delta: Mapping[str, Any] = field(default_factory=dict)
    choice: Mapping[str, Any] = field(default_factory=dict)
    model: str = "reported-model"
    pages: Mapping[str, tuple[int, Any]] = field(default_factory=dict)
    page_delay_s: float = 0
    linger_s: float = 0


class OpenAIServer:
    """The server on a free port. `asked` are the bodies of the requests for answers, `keys` their Authorization,
    `paths` all paths in their order, `running` the answers that are being given, `left` those whose caller went;
    `generated` the tokens sent in all, `started` is set when the first one begins; `connections` are the callers'
    ports of all requests for answers."""

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or Script()
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.paths: list[str] = []
        self.running = 0
        self.left = 0
        self.generated = 0
        self.connections: list[int] = []
        self.started = asyncio.Event()
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_post("/v1/chat/completions", self._answer)
        application.router.add_route("*", "/{path:.*}", self._page)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = "http://{}:{}".format(*self._runner.addresses[0][:2])
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def config(self, **changes: Any) -> OpenAIConfig:
        return OpenAIConfig.model_validate({"base_url": f"{self.url}/v1", "model": "m", **changes})

    async def _page(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        await asyncio.sleep(self.script.page_delay_s)
        status, value = self.script.pages.get(request.path, (404, {"error": {"message": "no such page"}}))
        return web.json_response(value, status=status)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path)
        self.keys.append(request.headers.get("authorization"))
        self.asked.append(await request.json())
        assert request.transport is not None
        self.connections.append(request.transport.get_extra_info("peername")[1])
        script = self.script
        if script.status != 200:
            return web.Response(status=script.status, text=script.body, headers=dict(script.headers))
        response = web.StreamResponse(headers={"content-type": script.content_type, **script.headers})
        await response.prepare(request)
        self.running += 1
        self.started.set()
        try:
            await self._stream(request, response)
        except (asyncio.CancelledError, ConnectionError):
            self.left += 1
            raise
        finally:
            self.running -= 1
        return response

    async def _stream(self, request: web.Request, response: web.StreamResponse) -> None:
        script = self.script
        for position in range(len(script.tokens) + 1):
            await self._write(response, script.raw.get(position, b""))
            if position == script.stall_after:
                await asyncio.sleep(60)
            if position == script.cut_after:
                assert request.transport is not None
                request.transport.abort()
                return
            if position < len(script.tokens):
                await asyncio.sleep(script.delay_s)
                self.generated += 1
                delta = {"content": script.tokens[position], **script.delta}
                await self._write(response, self._event([{"index": 0, "delta": delta, **script.choice}]))
        if script.finish is not None:
            last = {"index": 0, "delta": {}, "finish_reason": script.finish}
            await self._write(response, self._event([last]))
        if script.usage is not None:
            await self._write(response, self._event([], usage=script.usage))
        if script.done:
            await self._write(response, f"data: [DONE]{script.line_end * 2}".encode())
        await asyncio.sleep(script.linger_s)

    def _event(self, choices: list[dict[str, Any]], **fields: Any) -> bytes:
        event = {"object": "chat.completion.chunk", "model": self.script.model, "choices": choices, **fields}
        return f"data: {json.dumps(event, ensure_ascii=False)}{self.script.line_end * 2}".encode()

    async def _write(self, response: web.StreamResponse, data: bytes) -> None:
        size = self.script.write_bytes or max(1, len(data))
        for start in range(0, len(data), size):
            await response.write(data[start : start + size])
            await asyncio.sleep(0)


def using(
    script: Script, work: Callable[[OpenAIServer, OpenAIChatModel], Awaitable[T]], **configuration: Any
) -> tuple[T, OpenAIServer]:
    """Run the work on a model of the server, and close its connections."""

    async def whole() -> tuple[T, OpenAIServer]:
        async with OpenAIServer(script) as server:
            model = server.config(**configuration).create("gpu")
            assert isinstance(model, OpenAIChatModel)
            try:
                return await work(server, model), server
            finally:
                await model.aclose()

    return asyncio.run(whole())


def ask(script: Script, text: Any = "Hello", *, options: dict[str, Any] | None = None, **configuration: Any) -> Any:
    """The answer, and the server with what it was asked."""
    return using(script, lambda _, model: model.ainvoke(text, **(options or {})), **configuration)


def event(**fields: Any) -> bytes:
    """The bytes of one event."""
    return f"data: {json.dumps(fields)}\n\n".encode()
