"""A model server that answers by rote: nginx, which costs next to nothing and is the same for everybody.

It can't see what a caller asks for, so that it has two addresses: one that answers with a JSON, and one that answers
with a stream of events, both in the form of OpenAI's chat completions.
"""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from bench.side_by_side.processes import free_port, members, started
from bench.side_by_side.subjects.subject import Backend, MissingSubject

__all__ = ["AFTER_60_MS", "ANSWER", "AT_ONCE", "FIRST_S", "FIRST_TOKEN", "TOKENS", "TOKEN_COUNT", "TOKEN_MS", "Canned"]
__all__ += ["canned"]

AT_ONCE, AFTER_60_MS, TOKENS = "at once", "after 60 ms", "token by token"
ANSWER = "Bridge closes in May for eleven weeks."
FIRST_TOKEN, FIRST_S, TOKEN_MS, TOKEN_COUNT = "Bridge", 0.05, 10, 40
"""A stream of TOKENS: its first one after so many seconds, then one each so many milliseconds, so many in all. The
first one begins every other answer too."""

_SAID_LATER = (
    " closes in May for eleven weeks, so that traffic is led over the northern ring and two bus lines end at the "
    "market, while shops fear for their trade."
)
_MODEL = "canned"
_MODULE = "ngx_http_echo_module.so"
_FOLDERS = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/share/nginx/modules")
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_USAGE = {"prompt_tokens": 180, "completion_tokens": 8, "total_tokens": 188}
_CHANGE_S = 10.0


class Canned:
    """A running one. How it answers can be changed while others are connected to it."""

    def __init__(self, session: int, configuration: "_Configuration") -> None:
        self._session = session
        self._configuration = configuration

    def backend(self) -> Backend:
        whole, stream = (f"http://127.0.0.1:{self._configuration.port}/{how}/v1" for how in ("whole", "stream"))
        return Backend(whole, stream, _MODEL)

    def answer_as(self, case: str) -> None:
        """From now on. Idle connections to it are closed. Raises MissingSubject."""
        before = self._workers()
        self._configuration.write(case)
        os.kill(self._session, signal.SIGHUP)
        deadline = time.monotonic() + _CHANGE_S
        while not self._workers() or self._workers() & before:
            if time.monotonic() > deadline:
                raise MissingSubject(f"the canned backend doesn't change its answers within {_CHANGE_S:.0f} s")
            time.sleep(0.02)

    def _workers(self) -> set[int]:
        return set(members(self._session)) - {self._session}


@contextmanager
def canned(folder: Path, case: str = AT_ONCE) -> Iterator[Canned]:
    """Started with its files in the folder. Raises MissingSubject where nginx or its module isn't installed."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    module = next((path for each in _FOLDERS if (path := Path(each, _MODULE)).is_file()), None)
    if program is None or module is None:
        packages = "apt-get install nginx-light libnginx-mod-http-echo"
        raise MissingSubject(f"the canned backend needs nginx with its echo module; on Debian: {packages}")
    configuration = _Configuration(folder, module, free_port())
    configuration.write(case)
    command = [program, "-e", str(folder / "nginx.log"), "-c", str(configuration.path)]
    with started(command, folder / "nginx.out") as process:
        process.listens(configuration.port)
        yield Canned(process.pid, configuration)


class _Configuration:
    """nginx's, in a folder of its own."""

    def __init__(self, folder: Path, module: Path, port: int) -> None:
        self.path = folder / "nginx.conf"
        self.port = port
        self._folder = folder
        self._module = module

    def write(self, case: str) -> None:
        user = "user root;" if os.geteuid() == 0 else ""
        places = " ".join(f"{each}_temp_path {self._folder}/nginx-{each};" for each in _TEMPORARY)
        lines = [
            f"worker_processes 1; worker_shutdown_timeout 2s; daemon off; pid {self._folder}/nginx.pid; {user}",
            f"load_module {self._module};",
            "events { worker_connections 1024; }",
            f"http {{ access_log off; keepalive_requests 100000000; {places} client_body_buffer_size 128k;",
            f"server {{ listen 127.0.0.1:{self.port};",
            *_locations(case),
            "} }\n",
        ]
        self.path.write_text("\n".join(lines), encoding="utf-8")


def _locations(case: str) -> Iterator[str]:
    written = {AT_ONCE: _at_once, AFTER_60_MS: _after_60_ms, TOKENS: _tokens}[case]
    models = json.dumps({"object": "list", "data": [{"id": _MODEL, "object": "model", "created": 1, "owned_by": "x"}]})
    for how, kind in (("whole", "application/json"), ("stream", "text/event-stream")):
        yield f"location /{how}/v1/chat/completions {{ default_type {kind}; {written(how)} }}"
        yield f"location /{how}/v1/models {{ default_type application/json; return 200 '{models}'; }}"


def _at_once(how: str) -> str:
    return f"return 200 '{_whole() if how == 'whole' else _stream()}';"


def _after_60_ms(how: str) -> str:
    return f"echo_sleep 0.06; echo -n '{_whole() if how == 'whole' else _stream()}';"


def _tokens(how: str) -> str:
    if how == "whole":
        return f"echo_sleep {FIRST_S + TOKEN_COUNT * TOKEN_MS / 1000:.3f}; echo -n '{_whole()}';"
    cuts = [len(_SAID_LATER) * number // (TOKEN_COUNT - 1) for number in range(TOKEN_COUNT)]
    pieces = (_SAID_LATER[begin:end] for begin, end in pairwise(cuts))
    said = [f"echo -n '{_event(_said(text))}'; echo_flush;" for text in (FIRST_TOKEN, *pieces)]
    pause = f" echo_sleep {TOKEN_MS / 1000:.3f}; "
    return f"echo_sleep {FIRST_S:.3f}; {pause.join(said)} echo -n '{_end()}';"


def _whole() -> str:
    choice = {"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}
    about = {"id": "1", "object": "chat.completion", "created": 1, "model": _MODEL}
    return json.dumps({**about, "choices": [choice], "usage": _USAGE})


def _stream() -> str:
    return _event(_said(ANSWER[:14])) + _event(_said(ANSWER[14:])) + _end()


def _end() -> str:
    finish = _chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    return _event(finish) + _event({**_chunk([]), "usage": _USAGE}) + "data: [DONE]\\n\\n"


def _event(data: object) -> str:
    """With ends of lines as nginx's configuration writes them."""
    return f"data: {json.dumps(data)}\\n\\n"


def _said(text: str) -> object:
    return _chunk([{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}])


def _chunk(choices: list[object]) -> dict[str, object]:
    return {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": _MODEL, "choices": choices}
