"""Copydesk as it ships, in one process, with a key that has every limit, and with prices: nothing is left out."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from bench.side_by_side.processes import output_of
from bench.side_by_side.subjects.environments import ROOT
from bench.side_by_side.subjects.started import Program, running
from bench.side_by_side.subjects.subject import TEXT, Backend, Request, Running

__all__ = ["Copydesk"]

_LIMITS = {
    "requests-per-minute": 1_000_000,
    "tokens-per-minute": 1_000_000_000,
    "concurrency": 10_000,
    "monthly-tokens": 1_000_000_000_000,
    "monthly-usd": 1_000_000,
}
_KEY_S = 60


class Copydesk:
    """Its log, with a line for each request, goes to a file; accounts are kept in SQLite. `cached` keeps answers."""

    name = "copydesk"
    kind = "python"

    def __init__(self, *, cached: bool = False, workers: int = 1, under: Sequence[str] = ()) -> None:
        self._cached = cached
        self._workers = workers
        self._under = under

    def installed(self) -> str | None:
        return version("copydesk")

    def install(self) -> None:
        return

    @contextmanager
    def running(self, backend: Backend, folder: Path) -> Iterator[Running]:
        configuration = folder / "copydesk.yaml"
        configuration.write_text(json.dumps(self._configuration(backend, folder)))
        command = [sys.executable, *self._under, "-m", "cli.main", "serve", "--config", str(configuration), "--port"]
        headers = {"Authorization": f"Bearer {_key(configuration)}"}
        body = json.dumps({"text": TEXT, "max_words": 30})
        ask, stream = (Request(f"/v1/summarize{end}", body, headers) for end in ("", "/stream"))
        program = Program(lambda port: [*command, str(port)], ROOT, {}, folder / "out.log")
        with running(program, ask, stream) as found:
            yield found

    def _configuration(self, backend: Backend, folder: Path) -> dict[str, object]:
        server = {"kind": "openai", "base_url": backend.streamed, "model": backend.model}
        return {
            "backends": {"canned": {**server, "concurrency": 64, "max_queue": 1000}},
            "prices": {"canned": {"input_usd": 0.15, "output_usd": 0.6}},
            "cache": {"tasks": ["summarize"] if self._cached else []},
            "server": {"workers": self._workers},
            "database": {"url": f"sqlite:///{folder}/copydesk.db"},
        }


def _key(configuration: Path) -> str:
    """A new one with every limit. Raises MissingSubject."""
    limits = [part for name, value in _LIMITS.items() for part in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "cli.main", "keys", "create", "--name", "bench", "--json", *limits]
    made = output_of("making a key", [*command, "--config", str(configuration)], ROOT, _KEY_S)
    return str(json.loads(made)["key"])
