"""A service of two workers whose replies are kept, and how a request is sent to it with a key."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import yaml

from tests.conftest import Service, serving

__all__ = ["LEASE_S", "calls", "in_use", "is_replay", "new_key", "post", "replaying"]

LEASE_S = 2
SCRIPT: list[dict[str, Any]] = [
    {"when": "outage", "fail": "unavailable"},
    {"when": "midway", "answer": "one two three", "fail": "unavailable", "fail_after": 2},
    {"when": "slow", "answer": "A slow answer.", "delay_ms": 3000},
    {"when": "for long", "answer": "word " * 400, "token_ms": 20},
    {"when": "in full", "answer": "word " * 500},
    {"answer": "A short answer."},
]


@contextmanager
def replaying(folder: Path, database: str | None, workers: int = 2, **idempotency: float) -> Iterator[Service]:
    """A service on the database of that URL, else on a file of its own."""
    backend = {"kind": "scripted", "answers": SCRIPT, "retries": 0, "concurrency": 64}
    kept = {"lease_s": LEASE_S, "max_reply_bytes": 2048, **idempotency}
    path = folder / "copydesk.yaml"
    path.write_text(yaml.safe_dump({"backends": {"script": backend}, "idempotency": kept}))
    environment = {"COPYDESK_DATABASE__URL": database} if database else {}
    with serving("--config", str(path), "--workers", str(workers), environment=environment) as running:
        yield running


def post(
    client: httpx.Client, text: str, key: str | None = None, path: str = "/v1/summarize", **more: Any
) -> httpx.Response:
    """Send a request whose answer nobody else's serves."""
    headers: Mapping[str, str] = {} if key is None else {"Idempotency-Key": key}
    return client.post(path, json={"text": text, "bypass_cache": True, **more}, headers=headers)


def is_replay(response: httpx.Response) -> bool:
    return bool(response.headers.get("idempotent-replayed") == "true")


def calls(client: httpx.Client) -> int:
    """How often the backend was called, in all workers."""
    found = re.findall(r"^copydesk_backend_calls_total\{.*\} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return round(sum(map(float, found)))


def in_use(client: httpx.Client) -> int:
    """Requests that the backend works on, in all workers."""
    found = re.search(r"^copydesk_backend_slots_in_use\{.*\} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return round(float(found[1])) if found else 0


def new_key() -> str:
    return str(uuid4())
