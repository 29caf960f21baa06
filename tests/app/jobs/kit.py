"""What tests of jobs share: a model server that counts its calls by item, and ways to submit, wait and read."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.backends.ollama_server import Canned, OllamaServer, canned_server
from tests.backends.ollama_server.model import Piece

__all__ = ["CountingModel", "counting_server", "ended", "job_items", "results", "submit", "write_configuration"]


@dataclass
class CountingModel(Canned):
    """Answers after `first_s`. `calls` counts the requests for each item by its number, `active` holds those in work,
    `cancelled` counts those whose caller left."""

    calls: Counter[int] = field(default_factory=Counter)
    active: Counter[int] = field(default_factory=Counter)
    cancelled: int = 0

    async def complete(self, tokens: list[int], options: Mapping[str, Any]) -> AsyncGenerator[Piece, None]:
        found = re.search(r"parcel number (\d+)", "".join(self._texts[token] for token in tokens))
        number = int(found[1]) if found else -1
        self.calls[number] += 1
        self.active[number] += 1
        try:
            await self.waited(number)
            async for piece in super().complete(tokens, options):
                yield piece
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise
        finally:
            self.active[number] -= 1

    async def waited(self, number: int) -> None:
        """What happens before the answer begins."""

    def let_all_go(self) -> None:
        """Hold nothing from now on."""

    @property
    def in_flight(self) -> int:
        return self.active.total()


@contextmanager
def counting_server(seconds: float = 0.0, **knobs: Any) -> Iterator[tuple[OllamaServer, CountingModel]]:
    model = CountingModel(first_s=seconds)
    with canned_server(model, **{"parallel": 64, **knobs}) as server:
        yield server, model


def write_configuration(folder: Path, model_server: OllamaServer, **sections: Any) -> Path:
    """A configuration whose only backend is the server."""
    backend = {"kind": "ollama", "base_url": model_server.base_url, "model": model_server.model_name, "concurrency": 32}
    path = folder / "copydesk.yaml"
    path.write_text(yaml.safe_dump({"backends": {"gpu": backend}, **sections}))
    return path


def job_items(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Items that CountingModel tells apart."""
    return [{"text": f"The parcel number {first + place} came late."} for place in range(count)]


def submit(client: httpx.Client, items: Sequence[Any], task: str = "summarize", **fields: Any) -> str:
    response = client.post("/v1/jobs", json={"task": task, "items": list(items), **fields})
    assert response.status_code == 202, response.text
    return str(response.json()["id"])


def ended(client: httpx.Client, id: str, seconds: float = 180) -> dict[str, Any]:
    """The job once it has ended."""
    deadline = time.monotonic() + seconds
    while True:
        job: dict[str, Any] = client.get(f"/v1/jobs/{id}").raise_for_status().json()
        if job["status"] not in ("queued", "running"):
            return job
        assert time.monotonic() < deadline, job
        time.sleep(0.1)


def results(client: httpx.Client, id: str, limit: int = 1000) -> list[dict[str, Any]]:
    """All results of a job that has ended."""
    found: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        page = client.get(f"/v1/jobs/{id}/results", params={"after": after, "limit": limit}).raise_for_status().json()
        found += page["results"]
        after = page.get("next")
    return found
