"""The server's life and state: one thread, one loaded model, slots, counters."""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from chains.backends.embedded.server import ModelServer
from tests.backends.ollama_server.catalogue import catalogue_routes
from tests.backends.ollama_server.chat import chat_routes
from tests.backends.ollama_server.faults import Fault, fault_now
from tests.backends.ollama_server.model import Canned, LlamaCpp, Model

__all__ = ["Counts", "OllamaServer", "canned_server", "model_backed_server"]

_LOAD_OPTIONS = ("num_gpu", "num_thread", "num_batch", "main_gpu", "use_mmap")
_START_S = 10.0


@dataclass
class Counts:
    """What the server saw and did. `active` generate now, `waiting` wait for a slot, `cut` prompts lost something in
    silence, `tokens` were generated in all, `connections` are open now."""

    requests: Counter[str] = field(default_factory=Counter)
    active: int = 0
    most_active: int = 0
    waiting: int = 0
    cancelled: int = 0
    tokens: int = 0
    loads: int = 0
    cut: int = 0


class OllamaServer:
    """Ollama's HTTP API on a free port of 127.0.0.1. Use it as a context manager.

    Knobs, all of which may be changed at any time:

    model_name        the one model that it has, where `installed`; version, capabilities: what it says of itself
    default_context   `num_ctx` of requests that give none (OLLAMA_CONTEXT_LENGTH)
    reported_context  what /api/ps says in place of the truth
    parallel          slots (OLLAMA_NUM_PARALLEL); further requests wait without bound
    max_queue         requests that may wait for a load (OLLAMA_MAX_QUEUE); load_s: what a load takes
    may_load          an event: while it is cleared no load comes to its end
    ignores_truncate  it knows neither `truncate` nor `shift`, as before 0.12.6, and cuts whatever is too long
    loses_truncate    something on the way takes `truncate` out of requests
    native_template   the chat template is llama.cpp's own: a last message that is too long is refused, never cut
    repeat_limit      the repeat guard: so many equal tokens in a row end the stream without `done`
    fault             what goes wrong
    """

    def __init__(self, model: Model, **knobs: Any) -> None:
        self.model = model
        self.model_name = "smollm2:135m"
        self.installed = True
        self.version = "0.33.0"
        self.capabilities: Sequence[str] = ("completion",)
        self.default_context = 4096
        self.reported_context: int | None = None
        self.parallel = 1
        self.max_queue = 512
        self.load_s = 0.0
        self.may_load = threading.Event()
        self.may_load.set()
        self.ignores_truncate = False
        self.loses_truncate = False
        self.native_template = False
        self.repeat_limit = 30
        self._fault: Fault | None = None
        self._faulted = 0
        self.counts = Counts()
        self.loaded: tuple[Any, ...] | None = None
        self.keep_alive: Any = None
        self.last_body: dict[str, Any] = {}
        self.last_headers: dict[str, str] = {}
        self.last_tokens: list[int] = []
        self.last_prompt = ""
        self._using = self._pending = 0
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="ollama-kit", daemon=True)
        for name, value in knobs.items():
            if name not in vars(self) and name != "fault":
                raise TypeError(f"the server has no knob {name!r}")
            setattr(self, name, value)

    def __enter__(self) -> "OllamaServer":
        self._thread.start()
        assert self._ready.wait(_START_S), "the server does not start"
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_START_S)
        assert not self._thread.is_alive(), "the server does not end"

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def fault(self) -> Fault | None:
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | None) -> None:
        self._fault, self._faulted = fault, 0

    @property
    def context(self) -> int:
        """The tokens that the loaded model has room for."""
        return int(self.loaded[0]) if self.loaded else 0

    def fault_of(self, path: str) -> Fault:
        """The fault that the next request to the path meets; one that does nothing where there is none."""
        fault = self._fault
        if fault is None or path not in fault.paths or (fault.times is not None and self._faulted >= fault.times):
            return Fault()
        self._faulted += 1
        return fault

    async def load(self, body: dict[str, Any]) -> None:
        """Load the model as the request wants it, once nobody uses it otherwise. Raises web.HTTPException."""
        options = body.get("options") or {}
        context = min(int(options.get("num_ctx") or self.default_context), self.model.context)
        shift = body.get("shift") is not False
        wanted = (context, shift, *(options.get(name) for name in _LOAD_OPTIONS))
        self.keep_alive = body.get("keep_alive", "5m")
        if self.loaded == wanted:
            return
        if self._pending >= self.max_queue:
            raise _busy()
        self._pending += 1
        try:
            async with self._loading:
                if self.loaded != wanted:
                    async with self._freed:
                        await self._freed.wait_for(lambda: not self._using)
                    await asyncio.sleep(self.load_s)
                    await asyncio.to_thread(self.may_load.wait)
                    self.counts.loads += 1
                    self.loaded = wanted
        finally:
            self._pending -= 1

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """A place among `parallel`; the wait for it has no bound."""
        counts = self.counts
        self._using += 1
        counts.waiting += 1
        try:
            async with self._freed:
                await self._freed.wait_for(lambda: counts.active < self.parallel)
                counts.active += 1
                counts.most_active = max(counts.active, counts.most_active)
        except BaseException:
            self._using -= 1
            self._wake_soon()
            raise
        finally:
            counts.waiting -= 1
        try:
            yield
        except (asyncio.CancelledError, ConnectionError):
            counts.cancelled += 1
            raise
        finally:
            counts.active -= 1
            self._using -= 1
            self._wake_soon()

    def _wake_soon(self) -> None:
        # Not awaited: whoever is cancelled must free his slot all the same.
        self._wakers.add(task := asyncio.ensure_future(self._wake()))
        task.add_done_callback(self._wakers.discard)

    async def _wake(self) -> None:
        async with self._freed:
            self._freed.notify_all()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._loading, self._freed = asyncio.Lock(), asyncio.Condition()
        self._wakers: set[asyncio.Future[None]] = set()
        application = web.Application(client_max_size=64 << 20, middlewares=[self._observed])
        application.add_routes([*chat_routes(self), *catalogue_routes(self)])
        runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        try:
            await self.model.start()
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.port = runner.addresses[0][1]
        except BaseException as error:
            self._failure = error
            raise
        finally:
            self._ready.set()
        await self._stop.wait()
        await runner.cleanup()
        await self.model.close()

    @web.middleware
    async def _observed(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        self.counts.requests[request.path] += 1
        self.last_headers = dict(request.headers)
        fault_now.set(fault := self.fault_of(request.path))
        if fault.stall_first:
            await asyncio.Event().wait()
        if fault.status is not None:
            return _refused(fault)
        try:
            answer: web.StreamResponse = await handler(request)
            return answer
        except web.HTTPNotFound:
            return web.Response(status=404, text="404 page not found")


def _refused(fault: Fault) -> web.Response:
    headers = {"retry-after": fault.retry_after, "location": fault.redirect}
    given = {name: value for name, value in headers.items() if value is not None}
    assert fault.status is not None
    if fault.body is not None:
        kind = fault.content_type or "application/json"
        return web.Response(status=fault.status, body=fault.body, headers={**given, "content-type": kind})
    return web.json_response({"error": fault.error}, status=fault.status, headers=given)


def _busy() -> web.HTTPServiceUnavailable:
    text = '{"error":"server busy, please try again.  maximum pending requests exceeded"}'
    return web.HTTPServiceUnavailable(text=text, content_type="application/json")


@contextmanager
def canned_server(answer: Sequence[str] | Canned | None = None, **knobs: Any) -> Iterator[OllamaServer]:
    """A server without a model, as fast as its canned answer. `knobs` are those of OllamaServer."""
    model = answer if isinstance(answer, Canned) else Canned(answer) if answer is not None else Canned()
    with OllamaServer(model, **knobs) as server:
        yield server


@contextmanager
def model_backed_server(model_server: ModelServer, **knobs: Any) -> Iterator[OllamaServer]:
    """A server that answers from the real embedded model. `knobs` are those of OllamaServer."""
    with OllamaServer(LlamaCpp(model_server.socket), **{"parallel": 2, **knobs}) as server:
        yield server
