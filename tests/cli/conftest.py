"""What the tests of `copydesk backends` share: the command on a configuration, and servers for it to ask."""

import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.backends.ollama_server import Canned, OllamaServer, canned_server


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with canned_server(Canned(context=4096)) as running:
        yield running


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def backends(
    copydesk: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command on a configuration of these backends."""

    def run(
        *arguments: str, of: Mapping[str, Any], routes: dict[str, list[str]] | None = None
    ) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "c.yaml"
        path.write_text(yaml.safe_dump({"backends": dict(of), "routes": routes or {}}, sort_keys=False))
        done = copydesk("backends", *arguments, "--config", str(path))
        assert "Traceback" not in done.stderr
        return done

    return run
