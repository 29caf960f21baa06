"""Over HTTP, from two servers that count by themselves: what stands in the database is what they told, to the token.

Where a caller hangs up the server tells nothing: the tokens that it had written by then are counted on both sides. The
callers here hang up when all of them have come, so that both sides must be the same.
"""

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from chains.result import Usage
from tests.app.usage.accounts import at, sums_of
from tests.app.usage.counting import Counting, words_of
from tests.backends.ollama_server import OllamaServer, canned_server
from tests.conftest import ROOT, Service, serving, wait_until

pytestmark = pytest.mark.e2e

BREAKS = ("breaks", "stops")


@contextmanager
def stand(folder: Path, *, workers: int = 1) -> Iterator[tuple[Service, Path, dict[str, OllamaServer]]]:
    """The service with its database, before two counting servers."""
    with canned_server(Counting(), parallel=64) as gpu, canned_server(Counting(mends=True), parallel=64) as spare:
        servers = {"gpu": gpu, "spare": spare}
        common = {"kind": "ollama", "concurrency": 64, "max_queue": 4000, "num_ctx": 4096, "retries": 1}
        backends = {
            name: {**common, "base_url": server.base_url, "model": server.model_name}
            for name, server in servers.items()
        }
        sections = {"routes": {"default": ["gpu", "spare"]}, "prices": {"gpu": {"input_usd": 0.15, "output_usd": 0.6}}}
        path, database = folder / "copydesk.yaml", folder / "usage.db"
        path.write_text(yaml.safe_dump({"backends": backends, "server": {"workers": workers}, **sections}))
        environment = {"COPYDESK_DATABASE__URL": f"sqlite:///{database}"}
        with serving("--config", str(path), environment=environment) as service:
            yield service, database, servers


class Callers:
    """A seeded crowd of callers. `sent` counts the requests that the service served or began to."""

    def __init__(self, service: Service, seed: int) -> None:
        self._url = service.url
        self._dice = random.Random(seed)
        self.sent = 0

    async def call(self, requests: int, at_once: int) -> None:
        free = asyncio.Semaphore(at_once)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=at_once)
        async with httpx.AsyncClient(base_url=self._url, timeout=120, trust_env=False, limits=limits) as client:

            async def one(path: str, body: dict[str, Any], behaviour: str, number: int) -> None:
                async with free:
                    self.sent += 1
                    if behaviour == "hangs":
                        await _leave(client, path, body, number)
                    else:
                        await client.post(path, json=body)

            async with asyncio.TaskGroup() as group:
                for number in range(requests):
                    group.create_task(one(*self._drawn(number)))

    def _drawn(self, number: int) -> tuple[str, dict[str, Any], str, int]:
        dice = self._dice
        behaviour = dice.choices(["ends", *BREAKS, "hangs", "late"], [10, 2, 2, 2, 1])[0]
        count = dice.randrange(1, 30)
        said = f"behaves-ends-{count}" if behaviour == "ends" else f"behaves-{behaviour}-{count}"
        alike = f" text {dice.randrange(5)}" if behaviour == "ends" and dice.random() < 0.4 else f" number {number}"
        task = dice.choice(["summarize", "rewrite", "generate"])
        if behaviour == "late":  # nothing comes before the deadline
            said = "behaves-hangs-0"
        body = {
            "summarize": {"text": said + alike},
            "rewrite": {"text": said + alike, "style": "plain_language"},
            "generate": {"instruction": said + alike},
        }[task]
        if behaviour == "late":
            body["deadline_ms"] = 150  # type: ignore[assignment]
        is_stream = behaviour == "hangs" or dice.random() < 0.4
        return f"/v1/{task}" + "/stream" * is_stream, body, behaviour, count


async def _leave(client: httpx.AsyncClient, path: str, body: dict[str, Any], tokens: int) -> None:
    """Read until the last token but one has come, which may be held back with the white space behind it; then a little
    more, and hang up."""
    said = ""
    async with client.stream("POST", path, json=body) as response:
        async for line in response.aiter_lines():
            said += line
            if words_of(said) >= max(tokens - 1, 1):
                break
        await asyncio.sleep(0.5)


def compare(database: Path, servers: dict[str, OllamaServer], sent: int) -> None:
    with at(database) as opened:
        sums = sums_of(opened, by="backend")
    for name, server in servers.items():
        model, found = server.model, sums[name]
        assert isinstance(model, Counting)
        told = Usage(
            found["input_tokens"],
            found["cached_input_tokens"],
            found["output_tokens"] - model.broken,
            found["model_calls"] - model.calls,
        )
        assert told == model.reported
        assert found["unreported_calls"] == model.calls
        assert model.calls > 0 < model.reported.model_calls
    assert sum(row["requests"] for row in sums.values()) == sent
    gpu = servers["gpu"].model
    assert isinstance(gpu, Counting)
    exact = (gpu.reported.input_tokens * 150) + (gpu.reported.output_tokens + gpu.broken) * 600
    assert sums["gpu"]["cost_nano_usd"] == exact


def crowd(folder: Path, requests: int, seed: int, workers: int = 1) -> None:
    with stand(folder, workers=workers) as (service, database, servers):
        callers = Callers(service, seed)
        asyncio.run(callers.call(requests, at_once=24))
        assert wait_until(lambda: all(server.counts.active == 0 for server in servers.values()))
        assert service.stop() == 0
        compare(database, servers, callers.sent)


def test_a_crowd_of_callers(tmp_path: Path) -> None:
    crowd(tmp_path, requests=150, seed=11)


@pytest.mark.soak
@pytest.mark.parametrize(("seed", "workers"), [(1, 1), (2, 1), (3, 3), (4, 3)])
def test_crowds_of_callers(tmp_path: Path, seed: int, workers: int) -> None:
    crowd(tmp_path, requests=2000, seed=seed, workers=workers)


def test_a_killed_service_loses_no_more_than_its_last_half_second(tmp_path: Path) -> None:
    with stand(tmp_path) as (service, database, _), service.client() as client:
        for number in range(10):
            assert client.post("/v1/generate", json={"instruction": f"behaves-ends-3 {number}"}).status_code == 200
        with at(database) as opened:
            assert wait_until(lambda: sums_of(opened).get("", {}).get("requests") == 10)
        client.post("/v1/generate", json={"instruction": "behaves-ends-3 last"})
        service.process.kill()
        service.process.wait(30)
        with at(database) as opened:
            assert sums_of(opened)[""]["requests"] in (10, 11)


def test_the_command_reads_beside_a_running_service_and_a_stopped_one_loses_nothing(tmp_path: Path) -> None:
    with stand(tmp_path) as (service, database, _):
        with service.client() as client:
            client.post("/v1/generate", json={"instruction": "behaves-ends-3"})
            told = client.get("/v1/usage", params={"group_by": ["task", "backend"]}).json()
            assert [(row["task"], row["backend"], row["requests"]) for row in told["rows"]] == [("generate", "gpu", 1)]
            assert json.loads(command(tmp_path, database, "--by", "task,backend", "--json").stdout) == told
            table = command(tmp_path, database, "--by", "model").stdout
            assert [line.split()[1:3] for line in table.splitlines()[1:3]] == [["1", "1"], ["1", "1"]]
            client.post("/v1/generate", json={"instruction": "behaves-ends-3 more"})
        assert service.stop() == 0
        with at(database) as opened:
            assert sums_of(opened)[""]["requests"] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--from", "yesterday"], "from must be a day like 2026-11-30", id="no day"),
        pytest.param(["--by", "colour"], "there is no 'colour'; name some of day, key,", id="no group"),
        pytest.param([], "no service used it yet", id="no database"),
    ],
)
def test_what_the_command_refuses(tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "copydesk.yaml").write_text("backends: {a: {kind: scripted, answers: [{}]}}")
    done = command(tmp_path, tmp_path / "none.db", *arguments)
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "none.db").exists()


def command(folder: Path, database: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`copydesk usage` with the folder's configuration."""
    line = [sys.executable, "-m", "cli.main", "usage", "--config", str(folder / "copydesk.yaml"), *arguments]
    environment = {"COPYDESK_DATABASE__URL": f"sqlite:///{database}", "PATH": "/usr/bin"}
    return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
