"""`copydesk backends list` and `check`: the real command on servers that have the model, lack it, or refuse."""

import asyncio
import json
import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import typer

from cli import backends as backends_group
from tests.backends.ollama_server import OllamaServer
from tests.backends.openai_server import OpenAIServer, Script
from tests.cli.backend_settings import CLOSED, SCRIPT, gpu, row, saas
from tests.conftest import require_embedded

pytestmark = pytest.mark.e2e
Command = Callable[..., subprocess.CompletedProcess[str]]


def beside(script: Script, run: Callable[[str], subprocess.CompletedProcess[str]]) -> subprocess.CompletedProcess[str]:
    """What the run gives beside a server of OpenAI's protocol, whose base_url it gets."""

    async def both() -> subprocess.CompletedProcess[str]:
        async with OpenAIServer(script) as server:
            return await asyncio.to_thread(run, f"{server.url}/v1")

    return asyncio.run(both())


def test_list_asks_nobody(backends: Command, server: OllamaServer) -> None:
    of = {**gpu(server, concurrency=4, max_queue=8), "script": SCRIPT, **saas(api_key_env="NOT_SET")}
    done = backends("list", of=of, routes={"default": ["gpu"], "classify": ["script", "gpu"]})
    assert done.returncode == 0, done.stderr
    assert row(done.stdout, "gpu")[1:6] == ["ollama", "smollm2:135m", server.base_url, "4", "8"]
    assert row(done.stdout, "gpu")[-1] == "default, classify"
    assert row(done.stdout, "script")[1:4] == ["scripted", "included", "-"]
    assert not server.counts.requests


def test_list_json(backends: Command, server: OllamaServer) -> None:
    done = backends("list", "gpu", "--json", of={**gpu(server, timeout_s=9), "script": SCRIPT})
    (shown,) = json.loads(done.stdout)
    assert (shown["name"], shown["address"], shown["concurrency"]) == ("gpu", server.base_url, 1)
    assert shown["timeouts_s"] == {"connect": 5, "first_token": 60, "idle": 30, "total": 9}


@pytest.mark.parametrize("command", ["list", "check", "pull", "warm"])
def test_unknown_names_are_refused(backends: Command, command: str) -> None:
    done = backends(command, "gpu", "tpu", of={"script": SCRIPT})
    assert (done.returncode, done.stdout) == (2, "")
    for name in ("gpu", "tpu"):
        assert f"copydesk: there is no backend '{name}'; the backends are script" in done.stderr


def test_check_says_what_a_server_is(backends: Command, server: OllamaServer) -> None:
    done = backends("check", of={**gpu(server, num_ctx=1024), "script": SCRIPT})
    assert done.returncode == 0, done.stderr
    assert row(done.stdout, "gpu")[1:] == [
        *("usable", "Ollama 0.33.0", "smollm2:135m", "no", "1024 of 4096", "1", "completion")
    ]
    assert row(done.stdout, "script")[1:4] == ["usable", "scripted", "script"]
    assert "4, server has 2" in done.stdout
    assert "\nscript: the server works on 2 at once, so it never gets more: set concurrency to 2" in done.stdout
    assert server.counts.tokens == server.counts.loads == 0


def test_check_says_what_is_missing_and_how_to_get_it(backends: Command, server: OllamaServer) -> None:
    server.installed = False
    done = backends("check", of={**gpu(server), "script": SCRIPT})
    assert done.returncode == 1
    assert row(done.stdout, "gpu")[1] == "NOT USABLE"
    assert row(done.stdout, "script")[1] == "usable"
    assert "\ngpu: the server has no model 'smollm2:135m': get it with `ollama pull smollm2:135m`" in done.stdout
    assert "`copydesk backends pull gpu`" in done.stdout


@pytest.mark.parametrize(
    ("of", "words"),
    [
        pytest.param(
            {"gpu": {"kind": "ollama", "base_url": CLOSED, "model": "m"}},
            "gpu: nothing answers at base_url: start the server, or check the address",
            id="no server",
        ),
        pytest.param(saas(api_key_env="NOT_SET"), "the environment variable NOT_SET is not set", id="no key"),
        pytest.param(
            {"a": {"kind": "embedded", "path": "absent.gguf"}}, "absent.gguf cannot be read: No such file", id="no file"
        ),
    ],
)
def test_check_tells_each_problem(backends: Command, of: dict[str, Any], words: str) -> None:
    require_embedded()
    done = backends("check", of=of)
    assert done.returncode == 1
    assert words in done.stdout


LISTED = {"/v1/models": (200, {"data": [{"id": "m", "owned_by": "llamacpp"}, {"id": "n", "owned_by": "llamacpp"}]})}
LLAMA = {**LISTED, "/props": (200, {"total_slots": 4, "default_generation_settings": {"n_ctx": 2048}})}
SERVICE = {"/v1/models": (200, {"data": [{"id": "other", "owned_by": "somebody"}]})}
REFUSAL = {"/v1/models": (401, {"error": {"message": "wrong: sk-secret"}})}


@pytest.mark.parametrize(
    ("pages", "code", "words"),
    [
        pytest.param(LLAMA, 0, r"usable  llama-server +m .* 2048 .* 2, server has 4", id="llama-server"),
        pytest.param(
            LLAMA, 0, "saas: the server works on 4 at once, but gets 2: set concurrency to 4 to use it", id="slots"
        ),
        pytest.param({}, 0, r"usable  OpenAI-compatible server +m", id="service that tells nothing"),
        pytest.param(
            SERVICE, 1, "saas: the server doesn't list m; set model to one of those that it lists: other", id="no model"
        ),
        pytest.param(
            REFUSAL, 1, "saas: the server answered 401: it wants a valid key; check the key in SAAS_KEY", id="wrong key"
        ),
    ],
)
def test_check_of_openais_protocol(
    backends: Command, monkeypatch: pytest.MonkeyPatch, pages: dict[str, tuple[int, Any]], code: int, words: str
) -> None:
    monkeypatch.setenv("SAAS_KEY", "sk-secret")
    configured = {"api_key_env": "SAAS_KEY", "concurrency": 2}
    done = beside(Script(pages=pages), lambda url: backends("check", of=saas(base_url=url, **configured)))
    assert done.returncode == code
    assert re.search(words, done.stdout), done.stdout
    assert "sk-secret" not in done.stdout + done.stderr


def test_check_json(backends: Command, server: OllamaServer) -> None:
    done = backends("check", "--json", of={**gpu(server, num_ctx=8192), "script": SCRIPT})
    assert done.returncode == 1
    shown = {one["name"]: one for one in json.loads(done.stdout)}
    assert "num_ctx is 8192, but the model takes 4096" in shown["gpu"].pop("problem")
    assert shown["gpu"] == {
        "name": "gpu",
        "kind": "ollama",
        "model": "smollm2:135m",
        "concurrency": 1,
        "configured_tokens": 8192,
        "usable": False,
        "server": "Ollama 0.33.0",
        "loaded": False,
        "context_tokens": 4096,
        "trained_tokens": 4096,
        "server_slots": None,
        "capabilities": ["completion"],
        "advice": None,
        "unchecked": None,
    }
    assert (shown["script"]["usable"], shown["script"]["server_slots"]) == (True, 2)


def test_check_starts_no_embedded_model_and_says_so(backends: Command) -> None:
    require_embedded()
    done = backends("check", of={"local": {"kind": "embedded"}})
    assert done.returncode == 0, done.stderr
    assert row(done.stdout, "local")[1:4] == ["usable", "-", "SmolLM2-135M-Instruct.Q4_1"]
    assert "local: not checked: whether the model loads" in done.stdout


COMMANDS = typer.main.get_command(backends_group.app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example_that_exists(copydesk: Command, name: str) -> None:
    done = copydesk("backends", name, "--help")
    assert done.returncode == 0
    assert re.findall(r"Example: copydesk backends (\S+)", done.stdout) == [name]
