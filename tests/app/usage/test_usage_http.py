"""GET /v1/usage and what `meta.usage` says, over HTTP, with keys."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.keys.secret import PresentedKey
from tests.app.events import events
from tests.app.keys.holders import calling, new_key
from tests.conftest import Service, serving

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, PresentedKey]]:
    url = f"sqlite:///{tmp_path_factory.mktemp('usage')}/copydesk.db"
    scopes = {"one": ("tasks",), "two": ("tasks", "backends"), "boss": ("usage", "tasks")}
    return url, {
        **{name: new_key(url, *given) for name, given in scopes.items()},
        "poor": new_key(url, "tasks", monthly_tokens=1),
    }


@pytest.fixture(scope="module")
def service(keys: tuple[str, dict[str, PresentedKey]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    path = tmp_path_factory.mktemp("usage-configuration") / "copydesk.yaml"
    scripted = {"kind": "scripted", "answers": [{"when": "fail", "fail": "rejected"}, {"answer": "One two three."}]}
    sections: dict[str, Any] = {
        "backends": {"priced": scripted, "free": scripted},
        "prices": {"priced": {"input_usd": 1, "output_usd": 10}},
        "footprint": {"backends": {"free": {"parameters_b": 70}}},
        "cache": {"tasks": ["generate"]},
    }
    path.write_text(json.dumps(sections))
    with serving("--config", str(path), environment={"COPYDESK_DATABASE__URL": keys[0]}) as running:
        yield running


@pytest.fixture
def client(service: Service, keys: tuple[str, dict[str, PresentedKey]], request: pytest.FixtureRequest) -> Any:
    def of(name: str) -> httpx.Client:
        opened = calling(service, keys[1][name])
        request.addfinalizer(opened.close)
        return opened

    return of


def test_an_answer_tells_what_it_cost(client: Any) -> None:
    two = client("two")
    usage = two.post("/v1/summarize", json={"text": "priced", "backend": "priced"}).json()["meta"]["usage"]
    cost = usage["input_tokens"] * 1e-6 + usage["output_tokens"] * 10e-6
    assert usage["cost_usd"] == pytest.approx(cost, abs=1e-12)
    assert usage["energy_wh"] > 0 < usage["water_ml"]
    assert usage["footprint_method"] == "tokens:8b"
    other = two.post("/v1/summarize", json={"text": "free", "backend": "free"}).json()["meta"]["usage"]
    assert ("cost_usd" in other, other["footprint_method"]) == (False, "tokens:70b")
    done = events(two, "/v1/summarize/stream", {"text": "streamed"})[-1].data["meta"]["usage"]
    assert done["cost_usd"] > 0


def test_what_the_cache_gives_costs_nothing(client: Any) -> None:
    one = client("one")
    first, second = (one.post("/v1/generate", json={"instruction": "cached"}).json()["meta"] for _ in range(2))
    assert (first["usage"]["cost_usd"] > 0, second["cache"]) == (True, "hit")
    assert (second["usage"]["cost_usd"], second["usage"]["energy_wh"], second["usage"]["input_tokens"]) == (0, 0, 0)


def test_a_report_is_the_sum_of_what_callers_were_told(client: Any) -> None:
    boss = client("boss")
    before = boss.get("/v1/usage", params={"from": "2020-01-01", "to": "2020-01-01"}).json()
    assert before["rows"] == []
    assert before["totals"]["requests"] == 0
    told = [boss.post("/v1/rewrite", json={"text": f"{n}", "style": "formal"}).json()["meta"]["usage"] for n in "abc"]
    assert boss.post("/v1/rewrite", json={"text": "fail", "style": "formal"}).status_code == 502
    report = boss.get("/v1/usage", params={"group_by": ["task", "code", "version"]}).json()
    rows = {row["code"]: row for row in report["rows"] if row["task"] == "rewrite"}
    assert (rows["ok"]["requests"], rows["backend_rejected"]["requests"]) == (3, 1)
    for name in ("input_tokens", "output_tokens", "model_calls"):
        assert rows["ok"][name] == sum(usage[name] for usage in told)
    for name in ("cost_usd", "energy_wh", "water_ml"):
        assert rows["ok"][name] == pytest.approx(sum(usage[name] for usage in told), rel=1e-9)
    assert report["estimates"]["methods"] == ["priced=tokens:8b", "free=tokens:70b"]
    assert report["estimates"]["low_factor"] < 1 < report["estimates"]["high_factor"]


def test_everybody_sees_their_own(client: Any, keys: tuple[str, dict[str, PresentedKey]]) -> None:
    one, boss = client("one"), client("boss")
    own = keys[1]["one"].id
    one.post("/v1/summarize", json={"text": "mine"})
    seen = {row["key"] for row in one.get("/v1/usage", params={"group_by": "key"}).json()["rows"]}
    assert seen == {own}
    assert one.get("/v1/usage", params={"key": own}).status_code == 200
    refused = one.get("/v1/usage", params={"key": keys[1]["two"].id})
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    boss.post("/v1/summarize", json={"text": "the boss's"})
    assert len(boss.get("/v1/usage", params={"group_by": "key"}).json()["rows"]) >= 2
    only = boss.get("/v1/usage", params={"group_by": "key", "key": own}).json()["rows"]
    assert [row["key"] for row in only] == [own]


@pytest.mark.parametrize(
    ("params", "parameter"),
    [
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-01-02", "to": "2026-01-01"}, "from"),
        ({"from": "2020-01-01"}, "from"),
        ({"to": "1"}, "to"),
        ({"group_by": "colour"}, "group_by"),
        ({"key": ""}, "key"),
        ({"key": "none such"}, "key"),
        ({"group": "key"}, "group"),
    ],
)
def test_wrong_questions_are_told_where(client: Any, params: dict[str, str], parameter: str) -> None:
    response = client("boss").get("/v1/usage", params=params)
    problem = response.json()
    assert (response.status_code, problem["code"]) == (422, "invalid_request"), problem
    assert [(error["pointer"], error["parameter"]) for error in problem["errors"]] == [("", parameter)]


def test_a_budget_holds_at_once(client: Any) -> None:
    poor = client("poor")
    assert poor.post("/v1/summarize", json={"text": "first"}).status_code == 200
    second = poor.post("/v1/summarize", json={"text": "second"})
    assert (second.status_code, second.json()["code"]) == (429, "budget_exhausted")
