"""The life of a model on an Ollama server, through Ollama's own package: what there is, and how it gets there.

The package is imported when one of these is called: a service that only answers doesn't pay for it.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from chains.backends.configuration import PullProgress, ServerState
from chains.backends.ollama.facts import ServerFacts, allocated, trained
from chains.backends.ollama.wire import refused
from chains.errors import BackendError, BackendProtocolError, BackendRejected, BackendTimeout, BackendUnavailable

if TYPE_CHECKING:
    import httpx
    from ollama import AsyncClient

__all__ = ["OllamaModels"]

_ANSWER_S = 15.0


class OllamaModels:
    """One model of one server. The errors raised are BackendError's."""

    def __init__(
        self, backend: str, base_url: str, model: str, *, headers: Mapping[str, str], connect_s: float
    ) -> None:
        self._backend = backend
        self._base_url = base_url
        self._model = model
        self._headers = dict(headers)
        self._connect_s = connect_s

    async def inspect(self, version: str, num_ctx: int | None) -> ServerState:
        """What the server has, and what stands against its use."""
        async with self._client(_ANSWER_S) as client:
            running = [entry.model_dump() for entry in (await client.ps()).models]
            try:
                shown = await client.show(self._model)
            except Exception as error:
                if not _is_absent(error):
                    raise
                return ServerState(server=f"Ollama {version}".strip(), model=self._model, missing=self._how_to_get())
        given = allocated(running, self._model)
        facts = ServerFacts(version, tuple(shown.capabilities or ()), trained(shown.modelinfo), given)
        return ServerState(
            server=f"Ollama {version}".strip(),
            model=self._model,
            context_tokens=facts.context(num_ctx),
            loaded=given is not None,
            capabilities=facts.capabilities,
            missing=_missing(facts, num_ctx),
            trained_tokens=facts.trained,
        )

    async def pull(self) -> AsyncIterator[PullProgress]:
        """Download the model to the server."""
        status = ""
        # A download may pause for long while the server writes and verifies.
        async with self._client(None) as client:
            async for step in await client.pull(self._model, stream=True):
                status = step.status or ""
                yield PullProgress(status, step.completed or 0, step.total or 0)
        if status != "success":
            raise BackendProtocolError(
                "the download ended before it was complete: pull again, it goes on where it stopped",
                backend=self._backend,
            )

    def _how_to_get(self) -> str:
        return (
            f"the server has no model {self._model!r}: get it with `ollama pull {self._model}` on the server's host, "
            f"or with `copydesk backends pull {self._backend}`"
        )

    @asynccontextmanager
    async def _client(self, read_s: float | None) -> AsyncIterator["AsyncClient"]:
        import httpx
        from ollama import AsyncClient

        timeout = httpx.Timeout(read_s, connect=self._connect_s)
        try:
            # `auth` keeps the package from sending the OLLAMA_API_KEY of this process's environment to the server.
            async with AsyncClient(
                self._base_url, timeout=timeout, trust_env=False, follow_redirects=False, auth=self._authorised
            ) as client:
                yield client
        except BackendError:
            raise
        except Exception as error:
            raise self._translated(error) from error

    def _authorised(self, request: "httpx.Request") -> "httpx.Request":
        request.headers.pop("authorization", None)
        request.headers.update(self._headers)
        return request

    def _translated(self, error: Exception) -> BackendError:
        import httpx
        from ollama import ResponseError

        kind: type[BackendError]
        if isinstance(error, ResponseError):
            if error.status_code >= 100:
                raw = json.dumps({"error": error.error}).encode()
                return refused(self._backend, self._model, error.status_code, raw)
            kind, message = (
                BackendRejected,
                "the server could not get the model: is its name right? see the server's log",
            )
        elif isinstance(error, httpx.TimeoutException):
            kind, message = BackendTimeout, "the server did not answer in time"
        elif isinstance(error, ConnectionError | httpx.ConnectError):
            kind, message = BackendUnavailable, "nothing answers at base_url: start the server, or check the address"
        elif isinstance(error, httpx.HTTPError | OSError):
            kind, message = BackendUnavailable, "the server closed the connection before the answer was complete"
        else:
            kind, message = BackendProtocolError, "the answer is malformed or incomplete"
        return kind(message, backend=self._backend, original=error)


def _is_absent(error: Exception) -> bool:
    told: Any = getattr(error, "error", "")
    return getattr(error, "status_code", None) == 404 and "not found" in str(told)


def _missing(facts: ServerFacts, num_ctx: int | None) -> str | None:
    if facts.cuts_in_silence:
        return f"prompts that are too long: Ollama {facts.version} cuts them in silence; update it to 0.12.6 or newer"
    if num_ctx and facts.trained and num_ctx > facts.trained:
        return f"num_ctx is {num_ctx}, but the model takes {facts.trained}; set num_ctx to that or less"
    return None
