"""What a key may do in batches, and whose reply a replay is."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from app.keys.secret import PresentedKey
from tests.app.keys.holders import calling, new_key
from tests.app.test_http import problem
from tests.conftest import Service, serving

pytestmark = pytest.mark.e2e

BATCH = "/v1/summarize/batch"
TOKENS = 200


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('callers')}/keys.db"


@pytest.fixture(scope="module")
def keys(url: str) -> dict[str, PresentedKey]:
    return {
        "plain": new_key(url),
        "other": new_key(url),
        "rewriter": new_key(url, "tasks:rewrite"),
        "thrifty": new_key(url, tokens_per_minute=TOKENS),
    }


@pytest.fixture(scope="module")
def service(url: str, keys: dict[str, PresentedKey], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    path = tmp_path_factory.mktemp("callers") / "copydesk.yaml"
    script = {"kind": "scripted", "answers": [{"answer": "A short answer."}], "concurrency": 1}
    path.write_text(yaml.safe_dump({"backends": {"script": script}}))
    assert keys
    with serving("--config", str(path), environment={"COPYDESK_DATABASE__URL": url}) as running:
        yield running


def post(
    service: Service, key: PresentedKey, body: dict[str, Any], path: str = BATCH, **headers: str
) -> httpx.Response:
    with calling(service, key) as client:
        return client.post(path, json=body, headers=headers)


def test_a_batch_of_a_task_that_the_key_lacks_is_refused_as_a_whole(
    service: Service, keys: dict[str, PresentedKey]
) -> None:
    body = {"items": [{"text": "x", "style": "formal"}]}
    problem(post(service, keys["rewriter"], body), 403, "scope_missing")
    assert "result" in post(service, keys["rewriter"], body, "/v1/rewrite/batch").json()["results"][0]


def test_what_an_item_may_not_name_is_a_problem_in_its_place(service: Service, keys: dict[str, PresentedKey]) -> None:
    items = [{"text": "x"}, {"text": "x", "backend": "script"}, {"text": "x", "prompt": "canary"}]
    entries = post(service, keys["plain"], {"items": items}).json()["results"]
    assert "result" in entries[0]
    assert [entry["problem"]["code"] for entry in entries[1:]] == ["scope_missing", "scope_missing"]


def test_the_tokens_of_a_key_last_for_no_more_items_than_they_do(
    service: Service, keys: dict[str, PresentedKey]
) -> None:
    items = [{"text": f"text {number}", "bypass_cache": True} for number in range(20)]
    answer = post(service, keys["thrifty"], {"items": items}).json()
    refused = [entry["problem"]["code"] for entry in answer["results"] if "problem" in entry]
    assert set(refused) == {"tokens_limited"}
    assert 1 <= answer["meta"]["counts"]["succeeded"] < 20
    each = answer["results"][0]["result"]["meta"]["usage"]
    usage = answer["meta"]["usage"]
    assert usage["input_tokens"] + usage["output_tokens"] < TOKENS + each["input_tokens"] + each["output_tokens"]


def test_a_replay_is_for_the_key_that_asked_first(service: Service, keys: dict[str, PresentedKey]) -> None:
    body, named = {"text": "x", "bypass_cache": True}, {"Idempotency-Key": "the-same"}
    first, other, again = (
        post(service, keys[who], body, "/v1/summarize", **named) for who in ("plain", "other", "plain")
    )
    assert "idempotent-replayed" not in other.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert first.content == again.content != other.content
