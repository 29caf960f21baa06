"""TensorZero's gateway: what Rust reaches. It comes inside of the Python client, which starts it and then does nothing.

Without ClickHouse, so without its observability.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from bench.side_by_side.processes import started
from bench.side_by_side.subjects.chat import SYSTEM, USER
from bench.side_by_side.subjects.environments import PythonEnvironment
from bench.side_by_side.subjects.started import first_answer
from bench.side_by_side.subjects.subject import TEXT, Backend, MissingSubject, Request, Running

__all__ = ["TensorZero"]

# It takes a free port, and tells which in a file.
_START = """\
import signal, tensorzero
gateway = tensorzero._start_http_gateway(
    config_file="tensorzero.toml", clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False)
open("address.new", "w").write(gateway.base_url)
__import__("os").rename("address.new", "address")
signal.pause()
"""

_GATEWAY = """\
[gateway]
observability.enabled = false
disable_pseudonymous_usage_analytics = true
"""

_FUNCTION = """
[functions.{name}]
type = "chat"
schemas.user.path = "text.json"

[functions.{name}.variants.only]
type = "chat_completion"
model = "{name}"
templates.system.path = "system.minijinja"
templates.user.path = "user.minijinja"
temperature = 0
max_tokens = 512

[models.{name}]
routing = ["server"]

[models.{name}.providers.server]
type = "openai"
api_base = "{url}/"
model_name = "{model}"
api_key_location = "none"
"""

_READY_S = 60


class TensorZero:
    name = "tensorzero"
    kind = "rust"

    def __init__(self) -> None:
        self._environment = PythonEnvironment("tensorzero", ["tensorzero==2026.6.0"])

    def installed(self) -> str | None:
        return self._environment.installed()

    def install(self) -> None:
        self._environment.install()

    @contextmanager
    def running(self, backend: Backend, folder: Path) -> Iterator[Running]:
        _write(backend, folder)
        command = [self._environment.program("python"), "-c", _START]
        with started(command, folder / "out.log", {}, folder) as process:
            address = folder / "address"
            while not address.exists():
                process.must_run()
                if process.seconds() > _READY_S:
                    raise MissingSubject(f"it doesn't start within {_READY_S} s: {process.last_words()}")
                time.sleep(0.01)
            port = urlsplit(address.read_text()).port
            assert port is not None
            ask, stream = _request("whole", stream=False), _request("streamed", stream=True)
            yield Running("127.0.0.1", port, process.pid, first_answer(process, port, ask), ask, stream)


def _write(backend: Backend, folder: Path) -> None:
    names = {"whole": backend.whole, "streamed": backend.streamed}
    parts = [_FUNCTION.format(name=name, url=url, model=backend.model) for name, url in names.items()]
    (folder / "tensorzero.toml").write_text(_GATEWAY + "".join(parts))
    schema = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    (folder / "text.json").write_text(json.dumps({**schema, "additionalProperties": False}))
    (folder / "user.minijinja").write_text(USER.replace("{text}", "{{ text }}"))
    (folder / "system.minijinja").write_text(SYSTEM)


def _request(name: str, *, stream: bool) -> Request:
    """In the form of OpenAI's chat completions, the only one that the gateway of the Python client takes."""
    content = [{"type": "tensorzero::template", "name": "user", "arguments": {"text": TEXT}}]
    asked = {"model": f"tensorzero::function_name::{name}", "messages": [{"role": "user", "content": content}]}
    return Request("/openai/v1/chat/completions", json.dumps({**asked, "stream": stream}))
