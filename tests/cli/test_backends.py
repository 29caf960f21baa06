"""`copydesk backends`: the real command against an Ollama server without a model, and against what needs no server."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from cli import backends as backends_group
from tests.backends.ollama_server import Canned, Fault, OllamaServer, canned_server
from tests.conftest import ROOT, require_embedded

pytestmark = pytest.mark.e2e
Command = Callable[..., subprocess.CompletedProcess[str]]
Backends = Callable[..., subprocess.CompletedProcess[str]]

CLOSED = "http://127.0.0.1:9"
SCRIPT = {"kind": "scripted", "answers": [{"answer": "x"}], "slots": 2, "concurrency": 4}


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with canned_server(Canned(context=4096)) as running:
        yield running


@pytest.fixture
def backends(copydesk: Command, tmp_path: Path) -> Backends:
    """Runs a command on a configuration of these backends."""

    def run(
        *arguments: str, of: Mapping[str, Any], routes: dict[str, list[str]] | None = None
    ) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "c.yaml"
        path.write_text(yaml.safe_dump({"backends": dict(of), "routes": routes or {}}))
        done = copydesk("backends", *arguments, "--config", str(path))
        assert "Traceback" not in done.stderr
        return done

    return run


def gpu(server: OllamaServer, **keys: Any) -> dict[str, Any]:
    return {"gpu": {"kind": "ollama", "base_url": server.base_url, "model": server.model_name, **keys}}


def saas(**keys: Any) -> dict[str, Any]:
    return {"saas": {"kind": "openai", "base_url": f"{CLOSED}/v1", "model": "m", **keys}}


def row(output: str, name: str) -> list[str]:
    """The cells of a backend's line."""
    line = next(line for line in output.splitlines() if line.startswith(name))
    return re.split(r"\s{2,}", line)


def test_list_asks_nobody(backends: Backends, server: OllamaServer) -> None:
    of = {**gpu(server, concurrency=4, max_queue=8), "script": SCRIPT, **saas(api_key_env="NOT_SET")}
    done = backends("list", of=of, routes={"default": ["gpu"], "classify": ["script", "gpu"]})
    assert done.returncode == 0, done.stderr
    assert row(done.stdout, "gpu")[1:6] == ["ollama", "smollm2:135m", server.base_url, "4", "8"]
    assert row(done.stdout, "gpu")[-1] == "default, classify"
    assert row(done.stdout, "script")[1:4] == ["scripted", "included", "-"]
    assert not server.counts.requests


def test_list_json(backends: Backends, server: OllamaServer) -> None:
    done = backends("list", "gpu", "--json", of={**gpu(server, timeout_s=9), "script": SCRIPT})
    (shown,) = json.loads(done.stdout)
    assert (shown["name"], shown["address"], shown["concurrency"]) == ("gpu", server.base_url, 1)
    assert shown["timeouts_s"] == {"connect": 5, "first_token": 60, "idle": 30, "total": 9}


@pytest.mark.parametrize("command", ["list", "check", "pull", "warm"])
def test_unknown_names_are_refused(backends: Backends, command: str) -> None:
    done = backends(command, "gpu", "tpu", of={"script": SCRIPT})
    assert (done.returncode, done.stdout) == (2, "")
    for name in ("gpu", "tpu"):
        assert f"copydesk: there is no backend '{name}'; the backends are script" in done.stderr


def test_check_says_what_a_server_is(backends: Backends, server: OllamaServer) -> None:
    done = backends("check", of={**gpu(server, num_ctx=1024), "script": SCRIPT})
    assert done.returncode == 0, done.stderr
    assert row(done.stdout, "gpu")[1:] == [
        *("usable", "Ollama 0.33.0", "smollm2:135m", "no", "1024 of 4096", "1", "completion")
    ]
    assert row(done.stdout, "script")[1:4] == ["usable", "scripted", "script"]
    assert "4, server has 2" in done.stdout
    assert server.counts.tokens == server.counts.loads == 0


def test_check_says_what_is_missing_and_how_to_get_it(backends: Backends, server: OllamaServer) -> None:
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
def test_check_tells_each_problem(backends: Backends, of: dict[str, Any], words: str) -> None:
    require_embedded()
    done = backends("check", of=of)
    assert done.returncode == 1
    assert words in done.stdout


def test_check_json(backends: Backends, server: OllamaServer) -> None:
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
        "unchecked": None,
    }
    assert (shown["script"]["usable"], shown["script"]["server_slots"]) == (True, 2)


def test_check_starts_no_embedded_model_and_says_so(backends: Backends) -> None:
    require_embedded()
    done = backends("check", of={"local": {"kind": "embedded"}})
    assert done.returncode == 0, done.stderr
    assert row(done.stdout, "local")[1:4] == ["usable", "-", "SmolLM2-135M-Instruct.Q4_1"]
    assert "local: not checked: whether the model loads" in done.stdout


def test_pull_brings_the_model(backends: Backends, server: OllamaServer) -> None:
    server.installed = False
    done = backends("pull", of={**gpu(server), "script": SCRIPT})
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "gpu: pulling manifest"
    assert [line for line in lines if " 50 % of " in line]
    assert lines[-2:] == ["gpu: success", "gpu: smollm2:135m is there"]
    assert server.installed


def test_pull_shows_a_bar_on_a_terminal(server: OllamaServer, tmp_path: Path) -> None:
    server.installed = False
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump({"backends": gpu(server)}))
    command = [sys.executable, "-m", "cli.main", "backends", "pull", "--config", str(path)]
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
        with subprocess.Popen(command, cwd=ROOT, stdout=theirs, stderr=subprocess.PIPE, env=environment) as process:
            os.close(theirs)
            shown = b""
            try:
                while data := terminal.read(4096):
                    shown += data
            except OSError:  # Linux's way to say that the other end is closed
                pass
            assert process.stderr is not None
            assert process.stderr.read() == b""
    assert process.returncode == 0
    assert "━" in shown.decode()
    assert b"gpu: smollm2:135m is there" in shown


def test_pull_of_a_model_that_nobody_has(backends: Backends, server: OllamaServer) -> None:
    done = backends("pull", of=gpu(server, model="nonsense"))
    assert done.returncode == 1
    assert "copydesk: Backend 'gpu': the server could not get the model: is its name right?" in done.stderr
    assert "is there" not in done.stdout


@pytest.mark.parametrize("names", [(), ("script",)], ids=["none can", "the named one can't"])
def test_pull_where_nothing_can_be_pulled(backends: Backends, names: tuple[str, ...]) -> None:
    done = backends("pull", *names, of={"script": SCRIPT})
    assert (done.returncode, done.stdout) == (2, "")
    assert "backend 'script' of kind scripted has no model that could be pulled" in done.stderr


def test_pull_goes_on_after_a_failure(backends: Backends, server: OllamaServer) -> None:
    server.installed = False
    gone = {"kind": "ollama", "base_url": CLOSED, "model": "m"}
    done = backends("pull", of={"gone": gone, **gpu(server)})
    assert done.returncode == 1
    assert "Backend 'gone': nothing answers at base_url" in done.stderr
    assert server.installed


def test_warm_loads_and_says_how_long_it_took(backends: Backends) -> None:
    with canned_server(load_s=0.3) as server:
        done = backends("warm", of={**gpu(server, num_ctx=1024, keep_alive="2h"), **saas(), "script": SCRIPT})
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        assert re.fullmatch(r"gpu: loaded in 0\.[3-9] s", lines[0])
        assert lines[1].startswith("saas: nothing to load")
        assert (server.counts.loads, server.context, server.keep_alive, server.counts.tokens) == (1, 1024, "2h", 0)


def test_warm_tells_a_failure_and_goes_on(backends: Backends, server: OllamaServer) -> None:
    error = "model requires more system memory (9 GiB) than is available (2 GiB)"
    server.fault = Fault(status=500, error=error)
    done = backends("warm", of={**gpu(server), "script": SCRIPT})
    assert done.returncode == 1
    assert "gpu: the model 'smollm2:135m' doesn't fit into the server's memory" in done.stdout
    assert "script: loaded" in done.stdout


def test_warm_tries_the_embedded_model(backends: Backends) -> None:
    require_embedded()
    done = backends("warm", of={"local": {"kind": "embedded", "context_tokens": 512, "concurrency": 1}})
    assert done.returncode == 0, done.stderr
    assert re.search(r"local: loaded in \d+\.\d s, and stopped again", done.stdout)


COMMANDS = typer.main.get_command(backends_group.app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example_that_exists(copydesk: Command, name: str) -> None:
    done = copydesk("backends", name, "--help")
    assert done.returncode == 0
    assert re.findall(r"Example: copydesk backends (\S+)", done.stdout) == [name]
