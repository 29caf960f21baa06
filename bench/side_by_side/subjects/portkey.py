"""Portkey's gateway, without its console."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.side_by_side.subjects.chat import completion
from bench.side_by_side.subjects.environments import NodeEnvironment
from bench.side_by_side.subjects.started import Program, running
from bench.side_by_side.subjects.subject import Backend, Running

__all__ = ["Portkey"]

# Newer ones answer each stream of it with 500, "TypeError: immutable".
_PINS = {"@hono/node-server": "1.13.8"}
_START = Path("node_modules", "@portkey-ai", "gateway", "build", "start-server.js")


class Portkey:
    name = "portkey"
    kind = "node"

    def __init__(self) -> None:
        self._environment = NodeEnvironment("portkey", "@portkey-ai/gateway@1.15.2", _PINS)

    def installed(self) -> str | None:
        return self._environment.installed()

    def install(self) -> None:
        self._environment.install()

    @contextmanager
    def running(self, backend: Backend, folder: Path) -> Iterator[Running]:
        start = str(self._environment.folder / _START)
        command = [shutil.which("node") or "node", start, "--headless"]
        environment = {"NODE_ENV": "production"}
        whole, streamed = (
            {"x-portkey-provider": "openai", "x-portkey-custom-host": url, "Authorization": "Bearer x"}
            for url in (backend.whole, backend.streamed)
        )
        path = "/v1/chat/completions"
        ask = completion(path, backend.model, whole)
        stream = completion(path, backend.model, streamed, stream=True)
        program = Program(lambda port: [*command, f"--port={port}"], folder, environment, folder / "out.log")
        with running(program, ask, stream) as found:
            yield found
