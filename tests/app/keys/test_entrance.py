"""Who is let in, over real sockets."""

import base64
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from app.keys.secret import PresentedKey, mint
from app.store import now_ms
from tests.app.keys.holders import calling, connected, new_key, revoke, rotate
from tests.conftest import ROOT, SCRIPT, Service, program, scripted_configuration, serving, wait_until
from tests.prompt_folder import PromptFolder

pytestmark = pytest.mark.e2e

BODY = {"text": "x"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('keys')}/keys.db"


@pytest.fixture(scope="module")
def key(url: str) -> PresentedKey:
    return new_key(url)


@pytest.fixture(scope="module")
def service(url: str, key: PresentedKey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    path = tmp_path_factory.mktemp("entrance") / "copydesk.yaml"
    backends = {"script": {"kind": "scripted", "answers": list(SCRIPT)}}
    folder = PromptFolder.new(path.parent / "prompts")
    folder.write("summarize@2.0.0")
    prompts = {"dir": str(folder.path), "allow_drafts": True}
    sections = {"cache": {"tasks": ["generate"]}, "prompts": prompts, "keys": {"refresh_s": 0.5}}
    path.write_text(yaml.safe_dump({"backends": backends, **sections}))
    with serving("--config", str(path), environment={"COPYDESK_DATABASE__URL": url}) as running:
        yield running


@pytest.fixture
def stranger(service: Service) -> Iterator[httpx.Client]:
    with service.client() as client:
        yield client


@pytest.fixture
def holder(service: Service, key: PresentedKey) -> Iterator[httpx.Client]:
    with calling(service, key) as client:
        yield client


def basic(password: str, name: str = "anybody") -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def test_only_health_and_readiness_are_open(stranger: httpx.Client) -> None:
    document = json.loads((ROOT / "openapi.json").read_text())
    paths = [path.replace("{name}", "summarize").replace("{id}", "x") for path in document["paths"]]
    more = ["/docs", "/docs/errors", "/openapi.json", "/static-offline-docs/swagger-ui.css", "/", "/nowhere"]
    answers = {path: stranger.get(path).status_code for path in [*paths, *more]}
    assert {path for path, status in answers.items() if status == 200} == {"/healthz", "/readyz"}
    assert {status for path, status in answers.items() if path not in {"/healthz", "/readyz"}} == {401}


WRONG = mint().text()


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        pytest.param({}, "key_missing", id="nothing"),
        pytest.param({"authorization": ""}, "key_missing", id="an empty header"),
        pytest.param({"authorization": "Digest x"}, "key_missing", id="another scheme"),
        pytest.param({"authorization": basic(WRONG)}, "key_missing", id="a password, which only pages take"),
        pytest.param({"authorization": WRONG}, "key_missing", id="no scheme"),
        pytest.param({"authorization": "Bearer"}, "key_invalid", id="no token"),
        pytest.param({"authorization": "Bearer x"}, "key_invalid", id="no key"),
        pytest.param({"authorization": f"Bearer {WRONG}"}, "key_invalid", id="no such key"),
        pytest.param({"x-api-key": ""}, "key_invalid", id="an empty key"),
        pytest.param({"x-api-key": WRONG}, "key_invalid", id="no such key in X-API-Key"),
    ],
)
def test_who_has_no_key_is_not_let_in(stranger: httpx.Client, headers: dict[str, str], code: str) -> None:
    response = stranger.post("/v1/summarize", json=BODY, headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["www-authenticate"] == 'Bearer realm="Copydesk"'
    assert response.json()["request_id"] == response.headers["x-request-id"]


def test_nobody_is_told_whether_an_id_exists(stranger: httpx.Client, key: PresentedKey) -> None:
    answers = []
    for guess in (mint(key.id), mint()):
        response = stranger.get("/v1/tasks", headers={"authorization": f"Bearer {guess.text()}", "x-request-id": "r"})
        answers.append((response.status_code, response.json(), response.headers.get("www-authenticate")))
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(lambda key: {"authorization": f"Bearer {key}"}, id="bearer"),
        pytest.param(lambda key: {"authorization": f"bearer {key}"}, id="in small letters"),
        pytest.param(lambda key: {"x-api-key": key}, id="X-API-Key"),
        pytest.param(lambda key: {"x-api-key": key, "authorization": "Bearer of-the-gateway"}, id="behind a gateway"),
    ],
)
def test_a_key_opens(stranger: httpx.Client, key: PresentedKey, headers: Callable[[str], Mapping[str, str]]) -> None:
    response = stranger.post("/v1/summarize", json=BODY, headers=headers(key.text()))
    assert response.status_code == 200, response.text


def test_a_key_that_comes_twice_is_refused(stranger: httpx.Client, key: PresentedKey) -> None:
    twice = [("x-api-key", key.text()), ("x-api-key", mint().text())]
    response = stranger.get("/v1/tasks", headers=twice)
    assert (response.status_code, "came 2 times" in response.json()["detail"]) == (401, True)


def test_with_keys_the_service_may_stand_behind_a_proxy(holder: httpx.Client) -> None:
    forwarded = {"host": "copydesk.example", "x-forwarded-for": "203.0.113.7", "forwarded": "for=203.0.113.7"}
    assert holder.post("/v1/summarize", json=BODY, headers=forwarded).status_code == 200


def test_a_browser_opens_the_pages_with_the_key_as_password(stranger: httpx.Client, key: PresentedKey) -> None:
    refused = stranger.get("/docs")
    assert refused.headers["www-authenticate"].startswith('Basic realm="')
    signed = {"authorization": basic(key.text())}
    for page in ("/docs", "/openapi.json", "/docs/errors", "/static-offline-docs/swagger-ui.css"):
        assert stranger.get(page, headers=signed).status_code == 200, page
    assert stranger.get("/docs", headers={"authorization": basic(mint().text())}).status_code == 401
    assert stranger.get("/docs", headers={"authorization": "Basic !"}).status_code == 401
    # A page of another site could make the browser send what it remembers: no operation takes that.
    assert stranger.post("/v1/summarize", json=BODY, headers=signed).json()["code"] == "key_missing"


def test_a_large_body_without_a_key_gets_its_answer(stranger: httpx.Client) -> None:
    response = stranger.post("/v1/summarize", json={"text": "word " * 400_000})
    assert (response.status_code, response.json()["code"]) == (401, "key_missing")
    assert stranger.get("/healthz").status_code == 200


def test_only_the_holder_is_told_what_became_of_a_key(service: Service, url: str) -> None:
    expired, revoked = new_key(url, expires_at=now_ms() - 1), new_key(url)
    revoke(url, revoked)
    for key, told in ((expired, "has expired"), (revoked, "was revoked")):
        with calling(service, key) as client:
            response = client.get("/v1/tasks")
            assert (response.status_code, response.json()["code"]) == (401, "key_invalid")
            assert told in response.json()["detail"]
            stranger = client.get("/v1/tasks", headers={"authorization": f"Bearer {mint(key.id).text()}"})
            assert stranger.json()["detail"] == "There is no such API key."


def test_keys_come_and_go_while_the_service_runs(service: Service, url: str) -> None:
    key = new_key(url)
    with calling(service, key) as client:
        assert client.get("/v1/tasks").status_code == 200, "a new key counts at once"
        revoke(url, key)
        assert wait_until(lambda: client.get("/v1/tasks").status_code == 401)


def test_rotation_under_load_refuses_no_new_secret(service: Service, url: str) -> None:
    """Four callers take each new secret the moment it is there; the old ones hold for their grace."""
    current = [new_key(url)]
    refused: list[Any] = []
    counted = [0] * 4
    ended = threading.Event()

    def call(number: int) -> None:
        with service.client() as client:
            while not ended.is_set():
                secret = current[0].text()
                response = client.get("/v1/tasks", headers={"authorization": f"Bearer {secret}"})
                counted[number] += 1
                if response.status_code != 200:
                    refused.append(response.json())

    callers = [threading.Thread(target=call, args=(number,)) for number in range(4)]
    for caller in callers:
        caller.start()
    for _ in range(8):
        current[0] = rotate(url, current[0], grace_ms=10_000)
        wanted = sum(counted) + 8
        while sum(counted) < wanted and not refused:
            time.sleep(0.01)
    ended.set()
    for caller in callers:
        caller.join()
    assert refused == []


@pytest.mark.parametrize(
    ("scopes", "method", "path", "body", "missing"),
    [
        pytest.param((), "POST", "/v1/summarize", BODY, None, id="what is given by default"),
        pytest.param(("tasks:summarize",), "POST", "/v1/summarize", BODY, None, id="one task"),
        pytest.param(("tasks:rewrite",), "POST", "/v1/summarize", BODY, "tasks:summarize", id="another task"),
        pytest.param(("usage",), "POST", "/v1/summarize/stream", BODY, "tasks:summarize", id="a stream"),
        pytest.param(
            ("tasks:rewrite",), "POST", "/v1/summarize/batch", {"items": [BODY]}, "tasks:summarize", id="a batch"
        ),
        pytest.param(
            ("tasks:rewrite",),
            *("POST", "/v1/jobs", {"task": "summarize", "items": [BODY]}, "tasks:summarize"),
            id="a job",
        ),
        pytest.param((), "POST", "/v1/summarize", {**BODY, "backend": "script"}, "backends:script", id="a backend"),
        pytest.param(
            ("tasks", "backends:script"),
            "POST",
            "/v1/summarize",
            {**BODY, "backend": "script"},
            None,
            id="this backend",
        ),
        pytest.param(
            ("tasks", "backends:other"),
            *("POST", "/v1/summarize", {**BODY, "backend": "script"}, "backends:script"),
            id="another backend",
        ),
        pytest.param((), "POST", "/v1/summarize", {**BODY, "prompt": "canary"}, "labels:canary", id="a label"),
        pytest.param(
            ("tasks", "labels"), "POST", "/v1/summarize", {**BODY, "prompt": "production"}, None, id="any label"
        ),
        pytest.param(
            ("tasks", "labels:canary"),
            *("POST", "/v1/summarize", {**BODY, "prompt": "production"}, "labels:production"),
            id="another label",
        ),
        pytest.param(
            ("tasks", "drafts"),
            *("POST", "/v1/summarize", {**BODY, "prompt": "production"}, "labels:production"),
            id="a label by drafts",
        ),
        pytest.param(
            ("tasks", "labels"), "POST", "/v1/summarize", {**BODY, "prompt": "1.0.0"}, None, id="a released version"
        ),
        pytest.param(("tasks", "labels"), "POST", "/v1/summarize", {**BODY, "prompt": "2.0.0"}, "drafts", id="a draft"),
        pytest.param(
            ("tasks", "labels"), "POST", "/v1/summarize/stream", {**BODY, "prompt": "2.0.0"}, "drafts", id="its stream"
        ),
        pytest.param(
            ("tasks", "drafts"), "POST", "/v1/summarize", {**BODY, "prompt": "2.0.0"}, None, id="a draft by drafts"
        ),
        pytest.param((), "GET", "/metrics", None, "metrics", id="metrics"),
        pytest.param(("metrics",), "GET", "/metrics", None, None, id="metrics with their scope"),
        pytest.param((), "GET", "/v1/prompts", None, "prompts:read", id="prompts"),
        pytest.param((), "POST", "/v1/prompts/summarize/render", {"inputs": BODY}, "prompts:read", id="render"),
        pytest.param(("prompts:read",), "GET", "/v1/prompts/summarize", None, None, id="prompts with their scope"),
        pytest.param((), "GET", "/openapi.json", None, None, id="the document"),
        pytest.param((), "GET", "/v1/backends", None, None, id="the list of backends"),
    ],
)
def test_a_key_may_do_what_its_scopes_say(
    service: Service, url: str, scopes: tuple[str, ...], method: str, path: str, body: Any, missing: str | None
) -> None:
    with calling(service, new_key(url, *scopes)) as client:
        response = client.request(method, path, json=body)
    if missing is None:
        assert response.status_code == 200, response.text
        return
    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")
    assert f"scope {missing}" in response.json()["detail"]


def test_kept_answers_are_of_one_key(service: Service, url: str) -> None:
    body = {"instruction": "say it"}
    with calling(service, new_key(url)) as one, calling(service, new_key(url)) as other:
        answers = [client.post("/v1/generate", json=body).json() for client in (one, one, other)]
    caches = [answer["meta"]["cache"] for answer in answers]
    assert caches == ["miss", "hit", "miss"]


def test_jobs_and_usage_are_of_one_key(service: Service, url: str) -> None:
    with calling(service, new_key(url)) as owner, calling(service, new_key(url)) as other:
        job = owner.post("/v1/jobs", json={"task": "summarize", "items": [BODY]}).json()["id"]
        assert wait_until(lambda: owner.get(f"/v1/jobs/{job}").json()["status"] == "succeeded")
        for method, path in (
            ("GET", f"/v1/jobs/{job}"),
            ("GET", f"/v1/jobs/{job}/results"),
            ("POST", f"/v1/jobs/{job}/cancel"),
            ("DELETE", f"/v1/jobs/{job}"),
        ):
            nobodys = path.replace(job, "0" * len(job))
            body: dict[str, str] | None = {} if method == "POST" else None
            answers = [other.request(method, at, json=body, headers={"x-request-id": "r"}) for at in (path, nobodys)]
            assert [answer.status_code for answer in answers] == [404, 404], path
            assert answers[0].text == answers[1].text.replace(nobodys, path).replace("0" * len(job), job)
        assert other.get("/v1/jobs").json()["jobs"] == []
        assert [found["id"] for found in owner.get("/v1/jobs").json()["jobs"]] == [job]
        spent = [client.get("/v1/usage").json()["totals"]["requests"] for client in (owner, other)]
        assert spent == [1, 0]


def test_kept_replies_are_of_one_key(service: Service, url: str) -> None:
    headers = {"idempotency-key": "the-same"}
    with calling(service, new_key(url)) as one, calling(service, new_key(url)) as other:
        answers = [client.post("/v1/summarize", json=BODY, headers=headers) for client in (one, one, other)]
    assert [answer.headers.get("idempotent-replayed") for answer in answers] == [None, "true", None]


def test_a_browser_shows_the_documentation(service: Service, key: PresentedKey) -> None:
    from playwright.sync_api import sync_playwright

    executable = program("chromium", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(http_credentials={"username": "me", "password": key.text()})
        page = context.new_page()
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(service.url + "/docs")
        page.get_by_text("Summarize a text", exact=True).wait_for(timeout=30_000)
        page.get_by_role("button", name="Authorize").click()
        page.get_by_label("auth-bearer-value").fill(key.text())
        page.get_by_role("button", name="Apply credentials").first.click()
        page.get_by_role("button", name="Close").first.click()
        page.get_by_text("Summarize a text", exact=True).click()
        page.get_by_role("button", name="Execute").click()
        page.get_by_text('"summary": "A short answer."').first.wait_for(timeout=30_000)
        browser.close()
    assert failures == []


def test_no_secret_reaches_the_log(service: Service, url: str) -> None:
    guess = mint()
    with calling(service, guess) as client:
        client.get("/v1/tasks")
        client.get("/docs", headers={"authorization": basic(guess.text())})
    assert [line for line in service.log if guess.secret in line] == []


def test_the_first_key_ends_the_keyless_time(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/keys.db"
    configuration = scripted_configuration(tmp_path)
    environment = {"COPYDESK_DATABASE__URL": url}
    with serving("--config", str(configuration), environment=environment) as service, service.client() as stranger:
        assert stranger.post("/v1/summarize", json=BODY).status_code == 200
        assert stranger.get("/v1/tasks", headers={"x-forwarded-for": "127.0.0.1"}).status_code == 403
        key = new_key(url)
        assert wait_until(lambda: stranger.get("/v1/tasks").status_code == 401)
        with calling(service, key) as client:
            assert client.get("/v1/tasks").status_code == 200
        revoke(url, key)
        assert wait_until(lambda: stranger.get("/v1/tasks").status_code == 200)


def test_other_addresses_need_a_key_to_start(tmp_path: Path) -> None:
    arguments = ("--config", str(scripted_configuration(tmp_path)), "--host", "0.0.0.0")
    url = f"sqlite:///{tmp_path}/keys.db"
    with connected(url):
        expired = new_key(url, expires_at=now_ms() - 1)
    revoke(url, new_key(url))
    with serving(*arguments, environment={"COPYDESK_DATABASE__URL": url}, wait=False) as service:
        assert service.process.wait(60) == 2
    said = "\n".join(service.log)
    assert "server.host: 0.0.0.0 is not a loopback address, and there is no API key" in said
    assert "copydesk keys create" in said
    assert "keys.first_key_file" in said
    assert expired.secret not in said


def test_a_key_from_a_file_opens_another_address(tmp_path: Path) -> None:
    first = mint("first")
    (tmp_path / "key").write_text(first.text())
    arguments = ("--config", str(scripted_configuration(tmp_path)), "--host", "0.0.0.0")
    with serving(*arguments, environment={"COPYDESK_KEYS__FIRST_KEY_FILE": str(tmp_path / "key")}) as service:
        with service.client() as stranger:
            assert stranger.post("/v1/summarize", json=BODY).status_code == 401, "also from this machine"
        with calling(service, first) as client:
            assert client.get("/metrics", headers={"host": "copydesk.internal:8080"}).status_code == 200
            assert client.post("/v1/summarize", json={**BODY, "backend": "script"}).status_code == 200


def test_the_command_makes_keys_beside_the_service(
    service: Service,
    url: str,
    copydesk: Callable[..., subprocess.CompletedProcess[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COPYDESK_DATABASE__URL", url)
    text = copydesk("keys", "create", "--name", "orders").stdout.strip()
    with service.client() as client:
        assert client.get("/v1/tasks", headers={"x-api-key": text}).status_code == 200
