"""What subjects have in common that are programs: a port, and an answer that tells that they are ready."""

import http.client
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.side_by_side.processes import Process, listening
from bench.side_by_side.subjects.subject import TEXT, MissingSubject, Request, Running

__all__ = ["Program", "answer", "first_answer", "running"]

_TRY_S, _READY_S = 0.02, 120


@dataclass(frozen=True)
class Program:
    """How it is started with a port to listen on, in which folder and environment, and the file of what it writes."""

    command: Callable[[int], Sequence[str]]
    folder: Path
    environment: Mapping[str, str]
    log: Path


@contextmanager
def running(program: Program, ask: Request, stream: Request | None) -> Iterator[Running]:
    """Started, and ready: the time counts until it has answered. Raises MissingSubject."""
    with listening(program.command, program.log, program.environment, program.folder) as (process, port):
        seconds = first_answer(process, port, ask)
        yield Running("127.0.0.1", port, process.pid, seconds, ask, stream)


def first_answer(process: Process, port: int, ask: Request) -> float:
    """A program that listens may not be ready yet. Raises MissingSubject where it isn't in time."""
    said = "nothing"
    while process.seconds() < _READY_S:
        process.must_run()
        try:
            status, text = answer("127.0.0.1", port, ask, "Is it ready?")
        except (OSError, http.client.HTTPException) as error:
            said = type(error).__name__
        else:
            if status == 200:
                return process.seconds()
            said = f"{status} {text[:200]}"
        time.sleep(_TRY_S)
    raise MissingSubject(f"no good answer after {_READY_S} s, but {said}; its log: {process.last_words()}")


def answer(host: str, port: int, ask: Request, text: str) -> tuple[int, str]:
    """Status and body. Raises OSError and HTTPException."""
    connection = http.client.HTTPConnection(host, port, timeout=30)
    try:
        headers = {"Content-Type": "application/json", **ask.headers}
        connection.request("POST", ask.path, ask.body.replace(TEXT, text).encode(), headers)
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    finally:
        connection.close()
