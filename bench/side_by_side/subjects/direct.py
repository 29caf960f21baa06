"""The backend itself, with nothing before it: what every figure is compared with."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from bench.side_by_side.subjects.chat import completion
from bench.side_by_side.subjects.subject import Backend, Running

__all__ = ["Direct"]


class Direct:
    name = "direct"
    kind = "direct"

    def installed(self) -> str | None:
        return "-"

    def install(self) -> None:
        return

    @contextmanager
    def running(self, backend: Backend, folder: Path) -> Iterator[Running]:
        whole, streamed = urlsplit(backend.whole), urlsplit(backend.streamed)
        assert whole.hostname is not None
        assert whole.port is not None
        ask = completion(f"{whole.path}/chat/completions", backend.model, {})
        stream = completion(f"{streamed.path}/chat/completions", backend.model, {}, stream=True)
        yield Running(whole.hostname, whole.port, 0, 0.0, ask, stream)
