"""Limits and budgets of keys, over real sockets."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
import sqlalchemy as sa
import yaml

from app.keys.secret import PresentedKey
from tests.app.keys.holders import calling, connected, new_key
from tests.app.test_operations import value
from tests.backends.ollama_server import HeldModel, OllamaServer, canned_server
from tests.conftest import SCRIPT, Service, serving, wait_until
from tests.servers import RedisServer

pytestmark = pytest.mark.e2e

BODY = {"text": "x"}


@pytest.fixture(scope="module")
def upstream() -> Iterator[OllamaServer]:
    """Behind the backend `gpu`. Its model can hold what says so."""
    with canned_server(HeldModel(), parallel=64) as server:
        yield server


@pytest.fixture
def model(upstream: OllamaServer) -> HeldModel:
    assert isinstance(upstream.model, HeldModel)
    return upstream.model


def configured(folder: Path, upstream: OllamaServer, **sections: Any) -> Path:
    path = folder / "copydesk.yaml"
    backends = {
        "script": {"kind": "scripted", "answers": list(SCRIPT)},
        "gpu": {"kind": "ollama", "base_url": upstream.base_url, "model": upstream.model_name, "concurrency": 16},
    }
    sections["routes"] = {"default": ["script"]}
    path.write_text(yaml.safe_dump({"backends": backends, **sections}))
    return path


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('limits')}/keys.db"


@pytest.fixture(scope="module")
def service(url: str, upstream: OllamaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    new_key(url)  # or the service would need none
    path = configured(tmp_path_factory.mktemp("limits"), upstream)
    with serving("--config", str(path), environment={"COPYDESK_DATABASE__URL": url}) as running:
        yield running


def wait_for_a_young_minute() -> None:
    """Go on when much of the minute is left. What is counted per minute counts by that of the clock, and its parts: of
    two requests a moment before its end a little less than two are left after it, which is one."""
    second = time.time() % 60
    if second > 40:
        time.sleep(60 - second)


@pytest.fixture
def early() -> None:
    wait_for_a_young_minute()


def told(response: httpx.Response) -> tuple[str, str]:
    return response.headers["ratelimit-limit"], response.headers["ratelimit-remaining"]


@pytest.mark.usefixtures("early")
def test_requests_per_minute(service: Service, url: str) -> None:
    with calling(service, new_key(url, requests_per_minute=3)) as client:
        assert told(client.get("/v1/tasks")) == ("3", "3"), "reading is not counted, and told all the same"
        answers = [client.post("/v1/summarize", json=BODY) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [told(answer) for answer in answers] == [("3", "2"), ("3", "1"), ("3", "0"), ("3", "0")]
        refused = answers[-1]
        assert refused.headers["ratelimit-policy"] == '3;w=60;comment="requests"'
        assert (refused.json()["code"], refused.json()["retryable"]) == ("rate_limited", True)
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert int(refused.headers["ratelimit-reset"]) <= 60
        stream = client.post("/v1/summarize/stream", json=BODY)
        assert (stream.status_code, stream.json()["code"]) == (429, "rate_limited")
        assert client.get("/v1/tasks").status_code == 200


@pytest.mark.usefixtures("early")
def test_every_answer_of_a_limited_key_tells_what_is_left(service: Service, url: str) -> None:
    with calling(service, new_key(url, "tasks:summarize", requests_per_minute=10)) as client:
        assert told(client.post("/v1/summarize", json={})) == ("10", "9"), "an invalid request"
        assert told(client.post("/v1/rewrite", json=BODY)) == ("10", "8"), "one without its scope"
        assert told(client.post("/v1/nothing", json=BODY)) == ("10", "7"), "one of no operation"
        with client.stream("POST", "/v1/summarize/stream", json=BODY) as stream:
            assert told(stream) == ("10", "6"), "a stream"
    with calling(service, new_key(url)) as client:
        assert "ratelimit-limit" not in client.post("/v1/summarize", json=BODY).headers


def test_tokens_per_minute(service: Service, url: str) -> None:
    """What was spent counts, so that the last request may overdraw; then nothing more until the window ends."""
    with calling(service, new_key(url, "tasks", "prompts:read", tokens_per_minute=100)) as client:
        first = client.post("/v1/summarize", json={"text": "word " * 30})
        usage = first.json()["meta"]["usage"]
        spent = usage["input_tokens"] + usage["output_tokens"]
        assert 0 < spent < 100
        assert wait_until(lambda: told(client.get("/v1/tasks")) == ("100", str(100 - spent)))
        assert client.post("/v1/summarize", json={"text": "word " * 200}).status_code == 200
        assert wait_until(lambda: told(client.get("/v1/tasks")) == ("100", "0"))
        refused = client.post("/v1/summarize", json=BODY)
        assert (refused.status_code, refused.json()["code"]) == (429, "tokens_limited")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        rendered = client.post("/v1/prompts/summarize/render", json={"inputs": BODY})
        assert rendered.status_code != 429, "rendering costs no tokens"


def test_what_fails_and_what_is_left_is_charged_too(service: Service, url: str) -> None:
    with calling(service, new_key(url, tokens_per_minute=10_000)) as client:
        assert client.post("/v1/summarize", json={"text": "nonsense"}).status_code == 502
        with client.stream("POST", "/v1/summarize/stream", json={"text": "at length"}) as stream:
            next(stream.iter_bytes())
        assert wait_until(lambda: int(told(client.get("/v1/tasks"))[1]) < 10_000)


@pytest.mark.usefixtures("early")
def test_the_closest_limit_is_told(service: Service, url: str) -> None:
    with calling(service, new_key(url, requests_per_minute=100, tokens_per_minute=50)) as client:
        assert told(client.get("/v1/tasks")) == ("100", "100")
        response = client.post("/v1/summarize", json={"text": "word " * 100})
        assert response.headers["ratelimit-policy"] == '100;w=60;comment="requests", 50;w=60;comment="tokens"'
        assert wait_until(lambda: told(client.get("/v1/tasks")) == ("50", "0"))


def held_request(service: Service, key: PresentedKey, number: int) -> httpx.Response:
    """Every second one is a stream. No two are the same: these would share one answer."""
    with calling(service, key) as client:
        path = "/v1/summarize/stream" if number % 2 else "/v1/summarize"
        return client.post(path, json={"text": f"hold {number}", "backend": "gpu"})


@pytest.mark.usefixtures("early")
def test_requests_at_once(service: Service, model: HeldModel, url: str) -> None:
    key = new_key(url, "tasks", "backends", concurrency=2, requests_per_minute=600)
    with ThreadPoolExecutor(2) as pool, calling(service, key) as client, model.holding():
        running = [pool.submit(held_request, service, key, number) for number in range(2)]
        assert wait_until(lambda: model.held == 2)
        refused = client.post("/v1/summarize", json=BODY)
        assert (refused.json()["code"], refused.headers["retry-after"]) == ("concurrency_limited", "1")
        assert told(refused) == ("600", "598"), "what is refused for want of a slot is not counted"
        assert client.get("/v1/tasks").status_code == 200, "reading needs no slot"
        model.let_go()
        assert [future.result().status_code for future in running] == [200, 200]
        assert wait_until(lambda: client.post("/v1/summarize", json=BODY).status_code == 200)


def test_whoever_hangs_up_gives_the_slot_back(service: Service, model: HeldModel, url: str) -> None:
    def is_free() -> bool:
        return client.post("/v1/summarize", json=BODY).status_code == 200

    key = new_key(url, "tasks", "backends", concurrency=1)
    with calling(service, key) as client:
        for path in ("/v1/summarize", "/v1/summarize/stream"):
            assert wait_until(is_free)
            impatient = httpx.Timeout(120, read=0.5)
            with model.holding(), pytest.raises(httpx.ReadTimeout):
                client.post(path, json={"text": "hold", "backend": "gpu"}, timeout=impatient)
        assert wait_until(is_free)
        with client.stream("POST", "/v1/summarize/stream", json={"text": "at length"}) as stream:
            pieces = stream.iter_bytes()  # httpx closes the response when this is let go
            next(pieces)
            assert not is_free()
            del pieces
        assert wait_until(is_free)


def spend(url: str, key: PresentedKey, tokens: int, nano_usd: int) -> None:
    """Enter so much in the table of usage, as another process does."""
    told = {"key_id": key.id, "input_tokens": tokens - 1, "output_tokens": 1, "cost_nano_usd": nano_usd}
    with connected(url) as database, database.transaction() as connection:
        table = sa.Table("usage_daily", sa.MetaData(), autoload_with=connection)
        empty = {column.name: 0 if isinstance(column.type, sa.BigInteger) else "x" for column in table.c}
        connection.execute(sa.insert(table).values({**empty, "day": datetime.now(UTC).strftime("%Y-%m-%d"), **told}))


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        pytest.param({"monthly_tokens": 1000}, "of the 1000 tokens", id="tokens"),
        pytest.param({"monthly_usd": 2.5}, "of the 2.50 US dollars", id="money"),
    ],
)
def test_the_budget_of_a_month(service: Service, url: str, budget: dict[str, Any], words: str) -> None:
    key = new_key(url, "tasks", **budget)
    with calling(service, key) as client:
        assert client.post("/v1/summarize", json=BODY).status_code == 200
        spend(url, key, 1000, 2_500_000_000)
        assert wait_until(lambda: client.post("/v1/summarize", json=BODY).status_code == 429)
        refused = client.post("/v1/summarize", json=BODY)
        problem = refused.json()
        assert (problem["code"], problem["retryable"]) == ("budget_exhausted", False)
        assert words in problem["detail"]
        now = datetime.now(UTC)
        end = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC)
        assert abs(int(refused.headers["retry-after"]) - (end - now).total_seconds()) < 30
        assert client.get("/v1/tasks").status_code == 200


def admitted(service: Service, key: PresentedKey, requests: int) -> int:
    """How many of so many requests were let in; each on a connection of its own, so that all workers get some."""
    found = 0
    for _ in range(requests):
        with calling(service, key) as client:
            found += client.post("/v1/summarize", json=BODY).status_code == 200
    return found


def test_workers_share_their_limits_in_redis(
    redis_server: RedisServer, upstream: OllamaServer, model: HeldModel, url: str, tmp_path: Path
) -> None:
    """Also after Redis was gone for a while."""
    path = configured(tmp_path, upstream, server={"workers": 2}, limits={"redis_url": redis_server.url})
    keys = [new_key(url, requests_per_minute=limit) for limit in (7, 7)]
    metrics = new_key(url, "metrics")
    with serving("--config", str(path), environment={"COPYDESK_DATABASE__URL": url}) as service:
        try:
            assert admitted(service, keys[0], 16) == 7
            slow = new_key(url, "tasks", "backends", concurrency=3, tokens_per_minute=1000)
            with ThreadPoolExecutor(8) as pool, model.holding():
                asked = [pool.submit(held_request, service, slow, number) for number in range(8)]
                assert wait_until(lambda: model.held == 3 and sum(future.done() for future in asked) == 5)
                model.let_go()
                assert sorted(future.result().status_code for future in asked) == [200] * 3 + [429] * 5
            with calling(service, slow) as client:
                assert wait_until(lambda: int(told(client.get("/v1/tasks"))[1]) < 1000)
            wait_for_a_young_minute()
            redis_server.stop()
            with calling(service, keys[1]) as client:
                assert told(client.get("/v1/tasks")) == ("3", "3"), "each of two workers has its half meanwhile"
            assert 3 <= admitted(service, keys[1], 16) <= 6
            said = "Redis fails, each worker counts for itself"
            assert wait_until(lambda: any(said in line for line in service.log))
            with calling(service, metrics) as client:
                assert value(client, "copydesk_limits_redis_failures_total") >= 1
        finally:
            redis_server.start()
        assert wait_until(lambda: counted_in(redis_server, service, url))


def counted_in(server: RedisServer, service: Service, url: str) -> bool:
    admitted(service, new_key(url, requests_per_minute=5), 2)
    with redis.Redis(port=server.port) as client:
        return bool(client.keys("*requests*"))


@pytest.mark.usefixtures("early")
def test_many_at_once_never_get_more_than_there_is(service: Service, url: str) -> None:
    key = new_key(url, requests_per_minute=20)
    statuses: list[int] = []

    def call() -> None:
        with calling(service, key) as client:
            statuses.extend(client.post("/v1/summarize", json=BODY).status_code for _ in range(5))

    callers = [threading.Thread(target=call) for _ in range(8)]
    start = time.monotonic()
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    allowed = 20 + int((time.monotonic() - start) / 3)  # the window slides meanwhile
    assert 20 <= statuses.count(200) <= allowed
    assert set(statuses) == {200, 429}
