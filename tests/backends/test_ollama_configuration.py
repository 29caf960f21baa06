"""An Ollama backend's configuration, and the life of a model on the server."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from chains.backends import configuration_class
from chains.backends.configuration import (
    ChecksContext,
    Closes,
    CountsTokens,
    Inspects,
    Probes,
    PullProgress,
    Pulls,
    ServerState,
    Warms,
)
from chains.backends.ollama.chat_model import OllamaChatModel
from chains.backends.ollama.configuration import OllamaConfig
from chains.errors import (
    BackendProtocolError,
    BackendRejected,
    BackendTimeout,
    BackendUnavailable,
    ConfigurationError,
)
from tests.backends.ollama_calls import chat_model, on
from tests.backends.ollama_server import Fault, OllamaServer, canned_server

pytestmark = pytest.mark.e2e


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with canned_server() as running:
        yield running


def test_the_kind_is_in_the_table() -> None:
    assert configuration_class("ollama") is OllamaConfig


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        pytest.param({"model": ""}, "at least 1", id="no model"),
        pytest.param({"base_url": "gpu-host:11434"}, "must be an address", id="no scheme"),
        pytest.param({"base_url": "http://a:b@gpu-host"}, "no password", id="a password"),
        pytest.param({"base_url": "http://gpu-host:99999"}, "port from 1 to 65535", id="no port"),
        pytest.param({"base_url": "http://gpu-host/a b"}, "no white space", id="white space"),
        pytest.param({"api_key_env": "sk-very-secret"}, "should match pattern", id="a key for a variable"),
        pytest.param({"base_url": "http://gpu-host/v1/"}, "without /api or /v1", id="the other API"),
        pytest.param({"base_url": "http://gpu-host?x=1"}, "must end with", id="a query"),
        pytest.param({"keep_alive": "soon"}, "a duration such as", id="no duration"),
        pytest.param({"keep_alive": "-1"}, "a duration such as", id="a duration without a unit"),
        pytest.param({"num_ctx": 1}, "greater than", id="no room"),
        pytest.param({"options": {"num_ctx": 1024}}, "beside options", id="num_ctx in options"),
        pytest.param({"options": {"num_predict": 5}}, "how long its answer", id="num_predict in options"),
        pytest.param({"options": {"topk": 5}}, "topk is no option", id="a misspelt option"),
        pytest.param({"options": {"top_k": "5"}}, "top_k must be a whole number", id="a text for a number"),
        pytest.param({"options": {"use_mmap": 1}}, "use_mmap must be true or false", id="a number for a truth"),
        pytest.param({"options": {"min_p": True}}, "min_p must be a number", id="a truth for a number"),
        pytest.param({"numctx": 5}, "Extra inputs", id="a misspelt key"),
    ],
)
def test_a_wrong_key_is_refused(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        OllamaConfig.model_validate({"model": "m", **keys})


def test_a_right_configuration() -> None:
    keys = {"base_url": "https://gpu-host/ollama/", "keep_alive": -1, "options": {"top_k": 5, "min_p": 0}}
    config = OllamaConfig.model_validate({"model": "llama3.1:8b", **keys})
    assert (config.base_url, config.keep_alive) == ("https://gpu-host/ollama", -1)
    assert OllamaConfig(model="m", keep_alive="1h30m").keep_alive == "1h30m"


def test_a_key_that_is_not_set_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GPU_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="variable GPU_KEY is not set"):
        OllamaConfig(model="m", api_key_env="GPU_KEY").create("gpu")


def test_a_key_that_no_header_can_carry_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPU_KEY", "sk-very\r\nsecret")
    with pytest.raises(ConfigurationError, match=r"backends\.gpu\.api_key_env: .* GPU_KEY holds no key") as caught:
        OllamaConfig(model="m", api_key_env="GPU_KEY").create("gpu")
    assert "secret" not in str(caught.value)


def test_evidence_for_one_model_is_none_for_another() -> None:
    found = OllamaConfig(model="m").identity()
    assert (found.kind, found.model, len(found.digest)) == ("ollama", "m", 71)
    assert OllamaConfig(model="m", base_url="http://b", concurrency=4).identity() == found
    others: list[dict[str, Any]] = [{"model": "n"}, {"num_ctx": 1024}, {"options": {"top_k": 1}}]
    assert all(OllamaConfig(**{"model": "m", **other}).identity() != found for other in others)


def test_what_the_chat_model_can_do(server: OllamaServer) -> None:
    model = chat_model(server)
    for protocol in (Probes, Warms, Closes, ChecksContext, Inspects, Pulls):
        assert isinstance(model, protocol)
    assert not isinstance(model, CountsTokens), "Ollama has no tokenizer to ask"


def test_a_service_that_only_answers_imports_little() -> None:
    code = (
        "import sys; from chains.backends.ollama.configuration import OllamaConfig; "
        "assert 'langchain_core' not in sys.modules and 'aiohttp' not in sys.modules; "
        "OllamaConfig(model='m').create('gpu'); "
        "print([name for name in ('ollama', 'openai', 'xllamacpp', 'httpx') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("[]", "['httpx']"), done.stdout  # langsmith brings httpx


def test_a_probe_asks_no_model(server: OllamaServer) -> None:
    on(server, lambda model: model.probe())
    assert dict(server.counts.requests) == {"/api/show": 1}


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        pytest.param({"installed": False}, BackendRejected, "ollama pull", id="no model"),
        pytest.param({"fault": Fault(("/api/show",), status=502)}, BackendUnavailable, "502", id="a broken proxy"),
        pytest.param({"fault": Fault(("/api/show",), stall_first=True)}, BackendTimeout, "within 2 s", id="hangs"),
        pytest.param(
            {"fault": Fault(("/api/show",), status=200, body=b"<")}, BackendProtocolError, "malformed", id="no JSON"
        ),
    ],
)
def test_a_probe_fails(server: OllamaServer, change: dict[str, Any], error: type[Exception], says: str) -> None:
    for name, value in change.items():
        setattr(server, name, value)
    with pytest.raises(error, match=says):
        on(server, lambda model: model.probe())


def test_warming_loads_what_the_calls_want(server: OllamaServer) -> None:
    async def work(model: OllamaChatModel) -> None:
        await model.warm()
        assert server.counts.loads == 1
        await model.ainvoke("Hello", max_tokens=20)

    on(server, work, num_ctx=1024, keep_alive="45m", options={"num_gpu": 1})
    assert server.counts.loads == 1, "the call loaded the model anew"
    assert server.keep_alive == "45m"
    server.fault = Fault(status=200, body=b'{"done": true}')
    with pytest.raises(BackendProtocolError, match="loaded the model"):
        on(server, lambda model: model.warm())


def inspected(server: OllamaServer, **keys: Any) -> ServerState:
    return on(server, lambda model: model.inspect(), **keys)


def test_an_inspection(server: OllamaServer) -> None:
    told: dict[str, Any] = {"loaded": False, "capabilities": ("completion",), "trained_tokens": 4096}
    assert inspected(server, num_ctx=1024) == ServerState("Ollama 0.33.0", server.model_name, 1024, **told)
    on(server, lambda model: model.warm(), num_ctx=1024)
    found = inspected(server)
    assert (found.loaded, found.context_tokens, found.missing) == (True, 1024, None)
    server.reported_context = 300
    assert inspected(server).context_tokens == 300
    assert server.counts.requests["/api/chat"] == 1


def test_an_inspection_says_what_is_missing(server: OllamaServer) -> None:
    assert "set num_ctx to that or less" in str(inspected(server, num_ctx=8192).missing)
    server.version = "0.11.4"
    assert "0.11.4 cuts them in silence" in str(inspected(server).missing)
    server.installed = False
    missing = str(inspected(server).missing)
    assert f"`ollama pull {server.model_name}`" in missing
    assert "`copydesk backends pull gpu`" in missing


@pytest.mark.parametrize("path", ["/api/version", "/api/ps", "/api/show"])
def test_an_inspection_has_a_limit(server: OllamaServer, path: str) -> None:
    server.fault = Fault((path,), stall_first=True)
    with pytest.raises(BackendTimeout, match=r"within 0\.3 s"):
        inspected(server, timeout_s=0.3)


def pulled(server: OllamaServer, **keys: Any) -> list[PullProgress]:
    async def work(model: OllamaChatModel) -> list[PullProgress]:
        return [step async for step in model.pull()]

    return on(server, work, **keys)


def test_a_pull_brings_the_model(server: OllamaServer) -> None:
    server.installed = False
    steps = pulled(server)
    assert steps[-1] == PullProgress("success")
    assert max(step.completed_bytes for step in steps) == max(step.total_bytes for step in steps) > 0
    assert server.installed


PULL = ("/api/pull",)


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        pytest.param(Fault(PULL, status=500), BackendUnavailable, "answered 500", id="500"),
        pytest.param(
            Fault(PULL, status=200, body=b'{"status": "pulling"}\n'), BackendProtocolError, "ended", id="ends"
        ),
        pytest.param(Fault(PULL, status=200, body=b'{"sta'), BackendProtocolError, "malformed", id="no JSON"),
        pytest.param(
            Fault(PULL, status=200, body=b'{"error": "no"}\n'), BackendRejected, "could not get", id="refused"
        ),
    ],
)
def test_a_pull_fails(server: OllamaServer, fault: Fault, error: type[Exception], says: str) -> None:
    server.fault = fault
    with pytest.raises(error, match=says):
        pulled(server)


def test_an_unknown_model_cannot_be_pulled(server: OllamaServer) -> None:
    with pytest.raises(BackendRejected, match="is its name right"):
        pulled(server, model="no-such-model")


def test_only_the_configured_key_reaches_the_server(server: OllamaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "for-another-server")
    inspected(server)
    assert "authorization" not in {name.lower() for name in server.last_headers}
    monkeypatch.setenv("GPU_KEY", "for-this-server")
    inspected(server, api_key_env="GPU_KEY")
    assert server.last_headers["Authorization"] == "Bearer for-this-server"


@pytest.mark.parametrize("work", ["inspect", "pull", "probe", "warm"])
def test_nothing_at_the_address(work: str) -> None:
    with canned_server() as server:
        address = server.base_url

    async def do(model: OllamaChatModel) -> None:
        if work == "pull":
            async for _ in model.pull():
                pass
        else:
            await getattr(model, work)()

    with pytest.raises(BackendUnavailable, match="start the server"):
        on(server, do, base_url=address)
