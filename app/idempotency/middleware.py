"""What a request with an `Idempotency-Key` passes, as plain ASGI; others cost nothing.

The first one is served and its reply is kept before the caller can have read it, so that another try finds it. A try
that fails in a way that may pass, or whose caller hangs up, frees the key. A worker renews its lease while it serves:
when it dies, another try is served as soon as the lease is over.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.edge.bodies import whole_body
from app.idempotency.header import read_key
from app.idempotency.recorder import Recorder
from app.idempotency.reply import Reply
from app.idempotency.store import Claim, ReplyStore, scope_digest
from app.problems import ProblemError
from app.sections import IdempotencySettings

__all__ = ["Idempotency"]

_log = logging.getLogger("copydesk.idempotency")
_HASHED_AT_ONCE_BYTES = 1 << 20


class Idempotency:
    """Serves each key of `POST /v1/*` once. The operations find `idempotency` in their scope's state: a name of the
    request that stays the same for all its tries, also after a crash."""

    def __init__(self, app: ASGIApp, store: ReplyStore, settings: IdempotencySettings) -> None:
        self._app = app
        self._store = store
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_meant = scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith("/v1/")
        key = read_key(scope["headers"]) if is_meant else None
        if key is None:
            await self._app(scope, receive, send)
            return
        body = await whole_body(receive)
        if body is None:
            scope["state"]["left"] = "caller_gone"
            return
        claim = await self._claim(scope, key, body)
        if isinstance(claim, Reply):
            scope["state"]["replayed"] = True
            await claim.send(send)
            return
        scope["state"]["idempotency"] = claim.ticket
        await self._serve(claim, scope, _again(body, receive), send)

    async def _claim(self, scope: Scope, key: str, body: bytes) -> Claim | Reply:
        key_id = scope["state"]["caller"].key_id
        query = scope.get("query_string", b"").decode("latin-1")
        path = f"{scope['path']}?{query}" if query else scope["path"]
        fingerprint = await _fingerprint(body)
        try:
            return await self._store.claim(scope_digest(key_id, scope["method"], path, key), key_id, fingerprint)
        except sa.exc.SQLAlchemyError as error:
            _log.error("id=%s: no reply can be looked up: %s", scope["state"]["request_id"], type(error).__name__)
            raise ProblemError(
                "database_unavailable", "The service's database does not answer, so that your request was not begun."
            ) from error

    async def _serve(self, claim: Claim, scope: Scope, receive: Receive, send: Send) -> None:
        leased = _Lease(self._store, claim, scope["state"]["request_id"])
        recorder = Recorder(send, leased.settle, scope["state"], self._settings.max_reply_bytes)
        async with leased.renewed(self._settings.lease_s / 3):
            await self._app(scope, receive, recorder.send)


class _Lease:
    """A claim while it is served. It ends with a reply that is kept, or with none."""

    def __init__(self, store: ReplyStore, claim: Claim, request_id: str) -> None:
        self._store = store
        self._claim = claim
        self._request_id = request_id
        self._settled = False

    @asynccontextmanager
    async def renewed(self, every_s: float) -> AsyncIterator[None]:
        """Hold the lease in the block, and free it at its end where it wasn't settled."""
        renewing = asyncio.create_task(self._renew(every_s))
        try:
            yield
        finally:
            renewing.cancel()
            await self.settle(None)

    async def settle(self, reply: Reply | None) -> None:
        """Keep the reply, or free the key where there is none to be kept. Only the first call counts; what it does is
        done to its end, also where the caller is cancelled."""
        if self._settled:
            return
        self._settled = True
        if reply is None:
            await self._asked("freed", self._store.release(self._claim))
        elif await self._asked("kept", self._store.keep(self._claim, reply)) is False:
            _log.warning("id=%s: the lease was over: another try was served meanwhile", self._request_id)

    async def _renew(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            await self._asked("renewed", self._store.renew(self._claim))

    async def _asked(self, what: str, work: Coroutine[Any, Any, bool]) -> bool | None:
        """What the store says; None where it can't be reached, which costs the request nothing."""
        try:
            return await asyncio.shield(asyncio.ensure_future(work))
        except sa.exc.SQLAlchemyError as error:
            _log.error("id=%s: its key could not be %s: %s", self._request_id, what, type(error).__name__)
            return None


def _again(body: bytes, receive: Receive) -> Receive:
    """What gives the body once more, and then whatever comes."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _fingerprint(body: bytes) -> str:
    if len(body) <= _HASHED_AT_ONCE_BYTES:
        return hashlib.sha256(body).hexdigest()
    return (await asyncio.to_thread(hashlib.sha256, body)).hexdigest()
