"""What a chat model asks its server beside answers, each as seldom as can be: facts once, counts once a prompt."""

import asyncio
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from chains.backends.openai.server_facts import ServerFacts, Software, discover, server_count
from chains.backends.transport import Transport
from chains.errors import BackendError

__all__ = ["Questions"]

_LEFT_ALONE_S = 30.0
_COUNTS_KEPT = 32


class Questions:
    """Questions of one model to the server of the transport, whose protocol is at the path `api`.

    Each may take `limit_s`. `is_llama` is whether the server is known to be llama.cpp's.
    """

    def __init__(self, transport: Transport, api: str, model: str, *, limit_s: float) -> None:
        self.is_llama = False
        self._transport = transport
        self._api = api
        self._model = model
        self._limit_s = limit_s
        self._facts: ServerFacts | None = None
        self._failure: BackendError | None = None
        self._failed_at = float("-inf")
        self._counts: OrderedDict[bytes, int] = OrderedDict()
        self._lock = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def forget(self) -> None:
        """Ask anew: the server may have come back as another one."""
        self._facts, self.is_llama = None, False
        self._counts.clear()

    async def facts(self) -> ServerFacts:
        """Raises BackendError where the server doesn't answer now."""
        return await self._asked(unless_failed_since=time.monotonic())

    async def facts_if_told(self) -> ServerFacts:
        """Nothing where the server can't be asked, or couldn't a moment ago: what is wrong with it, the request itself
        will tell."""
        try:
            return await self._asked(unless_failed_since=time.monotonic() - _LEFT_ALONE_S)
        except BackendError:
            return ServerFacts(Software.OTHER)

    async def count(self, messages: Sequence[Mapping[str, str]], facts: ServerFacts) -> int | None:
        """The tokens of the prompt, None where the server can't count. Raises BackendError."""
        if not facts.counts_tokens:
            return None
        key = hashlib.sha256(json.dumps(messages).encode()).digest()
        if (known := self._counts.get(key)) is not None:
            self._counts.move_to_end(key)
            return known
        async with self.in_time():
            counted = await server_count(self._transport, facts, self._model, messages)
        self._counts[key] = counted
        while len(self._counts) > _COUNTS_KEPT:
            self._counts.popitem(last=False)
        return counted

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """A limit for questions that cost the server nothing; our own error where it is passed."""
        async with self._transport.translated(), asyncio.timeout(self._limit_s):
            yield

    async def _asked(self, *, unless_failed_since: float) -> ServerFacts:
        """Asked by one caller while the others wait for what comes of it."""
        if self._facts is not None:
            return self._facts
        async with self._lock_of_this_loop():
            if self._facts is not None:
                return self._facts
            if self._failure is not None and self._failed_at >= unless_failed_since:
                raise _again(self._failure)
            try:
                async with self.in_time():
                    self._facts = await discover(self._transport, self._api, self._model)
            except BackendError as error:
                self._failure, self._failed_at = _again(error), time.monotonic()
                raise
            self._failure = None
            self.is_llama = self._facts.software is Software.LLAMA
            return self._facts

    def _lock_of_this_loop(self) -> asyncio.Lock:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._lock, self._loop = asyncio.Lock(), loop
        return self._lock


def _again(error: BackendError) -> BackendError:
    """The same error for another caller, without the traceback of the first."""
    fresh = type(error)("", backend=error.backend, original=error.original, retry_after_s=error.retry_after_s)
    fresh.args = error.args
    return fresh
