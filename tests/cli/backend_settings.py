"""Backends as a test configures them, and the table that a command prints of them."""

import re
from typing import Any

from tests.backends.ollama_server import OllamaServer

__all__ = ["CLOSED", "SCRIPT", "gpu", "row", "saas"]

CLOSED = "http://127.0.0.1:9"
SCRIPT = {"kind": "scripted", "answers": [{"answer": "x"}], "slots": 2, "concurrency": 4}


def gpu(server: OllamaServer, **keys: Any) -> dict[str, Any]:
    return {"gpu": {"kind": "ollama", "base_url": server.base_url, "model": server.model_name, **keys}}


def saas(**keys: Any) -> dict[str, Any]:
    return {"saas": {"kind": "openai", "base_url": f"{CLOSED}/v1", "model": "m", **keys}}


def row(output: str, name: str) -> list[str]:
    """The cells of a backend's line."""
    line = next(line for line in output.splitlines() if line.startswith(name))
    return re.split(r"\s{2,}", line)
