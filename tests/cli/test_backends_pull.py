"""`copydesk backends pull` and `warm`, and the end of every wait: the real command on a test server of Ollama's."""

import json
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.backends.ollama_server import Fault, OllamaServer, canned_server
from tests.cli.backend_settings import CLOSED, SCRIPT, gpu, saas
from tests.conftest import ROOT, require_embedded

pytestmark = pytest.mark.e2e
Command = Callable[..., subprocess.CompletedProcess[str]]


def test_pull_brings_the_model(backends: Command, server: OllamaServer) -> None:
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


def test_pull_of_a_model_that_nobody_has(backends: Command, server: OllamaServer) -> None:
    done = backends("pull", of=gpu(server, model="nonsense"))
    assert done.returncode == 1
    assert "copydesk: Backend 'gpu': the server could not get the model: is its name right?" in done.stderr
    assert "is there" not in done.stdout


@pytest.mark.parametrize("names", [(), ("script",)], ids=["none can", "the named one can't"])
def test_pull_where_nothing_can_be_pulled(backends: Command, names: tuple[str, ...]) -> None:
    done = backends("pull", *names, of={"script": SCRIPT})
    assert (done.returncode, done.stdout) == (2, "")
    assert "backend 'script' of kind scripted has no model that could be pulled" in done.stderr


def test_pull_refuses_before_it_downloads(backends: Command, server: OllamaServer) -> None:
    server.installed = False
    done = backends("pull", "gpu", "script", of={**gpu(server), "script": SCRIPT})
    assert (done.returncode, done.stdout) == (2, "")
    assert "backend 'script' of kind scripted has no model that could be pulled" in done.stderr
    assert not server.counts.requests


def test_pull_is_not_stopped_by_another_backends_missing_key(backends: Command, server: OllamaServer) -> None:
    server.installed = False
    done = backends("pull", "--json", of={**saas(api_key_env="NOT_SET"), **gpu(server)})
    assert (done.returncode, done.stderr) == (1, "")
    broken, pulled = json.loads(done.stdout)
    assert "the environment variable NOT_SET is not set" in broken["problem"]
    assert pulled == {"name": "gpu", "model": "smollm2:135m", "problem": None}
    assert server.installed


def test_pull_goes_on_after_a_failure(backends: Command, server: OllamaServer) -> None:
    server.installed = False
    gone = {"kind": "ollama", "base_url": CLOSED, "model": "m"}
    done = backends("pull", of={"gone": gone, **gpu(server)})
    assert done.returncode == 1
    assert "Backend 'gone': nothing answers at base_url" in done.stderr
    assert server.installed


def test_warm_loads_and_says_how_long_it_took(backends: Command) -> None:
    with canned_server(load_s=0.3) as server:
        done = backends("warm", of={**gpu(server, num_ctx=1024, keep_alive="2h"), **saas(), "script": SCRIPT})
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        told = re.fullmatch(r"gpu: loaded in (\d+\.\d) s", lines[0])
        assert told is not None
        assert float(told[1]) >= 0.3
        assert lines[1].startswith("saas: nothing to load")
        assert (server.counts.loads, server.context, server.keep_alive, server.counts.tokens) == (1, 1024, "2h", 0)


def test_warm_json(backends: Command, server: OllamaServer) -> None:
    gone = {"kind": "ollama", "base_url": CLOSED, "model": "m"}
    done = backends("warm", "--json", of={**gpu(server), **saas(), "gone": gone})
    assert done.returncode == 1
    loaded, nothing, failed = json.loads(done.stdout)
    assert 0 <= loaded["seconds"] < 60
    assert (nothing["seconds"], nothing["problem"]) == (None, None)
    assert nothing["note"].startswith("nothing to load")
    assert failed["problem"].startswith("nothing answers at base_url")


def test_warm_tells_a_failure_and_goes_on(backends: Command, server: OllamaServer) -> None:
    error = "model requires more system memory (9 GiB) than is available (2 GiB)"
    server.fault = Fault(status=500, error=error)
    done = backends("warm", of={**gpu(server), "script": SCRIPT})
    assert done.returncode == 1
    assert "gpu: the model 'smollm2:135m' doesn't fit into the server's memory" in done.stdout
    assert "script: loaded" in done.stdout


def test_warm_tries_the_embedded_model(backends: Command) -> None:
    require_embedded()
    done = backends("warm", of={"local": {"kind": "embedded", "context_tokens": 512, "concurrency": 1}})
    assert done.returncode == 0, done.stderr
    assert re.search(r"local: loaded in \d+\.\d s, and stopped again", done.stdout)


@pytest.mark.parametrize(
    ("command", "kind", "words"),
    [
        pytest.param("check", "ollama", "a: the server did not say what it is within 0.5 s (--timeout)", id="ollama"),
        pytest.param("check", "openai", "a: the server did not say what it is within 0.5 s (--timeout)", id="openai"),
        pytest.param("pull", "ollama", "'a': the server said nothing for 0.5 s (--timeout): pull again", id="pull"),
    ],
)
def test_a_silent_server_is_not_waited_for(backends: Command, silent: str, command: str, kind: str, words: str) -> None:
    start = time.perf_counter()
    of = {"a": {"kind": kind, "base_url": silent, "model": "m"}, "script": SCRIPT}
    done = backends(command, "--timeout", "0.5", of=of)
    assert done.returncode == 1
    assert words in done.stdout + done.stderr
    assert time.perf_counter() - start < 50, "without the limit it is a minute"
