"""Streams of a subject, read by another process."""

import subprocess
import sys
from dataclasses import dataclass

from bench.side_by_side.canned import FIRST_TOKEN
from bench.side_by_side.load import BODY_TEXT
from bench.side_by_side.processes import cpu_seconds
from bench.side_by_side.stream_reader import Found, Order
from bench.side_by_side.subjects.environments import ROOT
from bench.side_by_side.subjects.subject import TEXT, MissingSubject, Request, Running

__all__ = ["Streamed", "streamed"]

_LIMIT_S = 120
_START_S = 30
"""What the reader has beside that for its own start and end."""


@dataclass(frozen=True)
class Streamed:
    """Seconds of each stream, and the subject's CPU seconds for all of them; 0 where it isn't ours."""

    found: Found
    cpu_s: float


def streamed(subject: Running, at_once: int, waves: int, run: str) -> Streamed:
    """So many streams at the same time, so many times. `run` is in each text. Raises MissingSubject where one fails."""
    if subject.stream is None:
        raise MissingSubject("it can't stream")
    texts = (f"{BODY_TEXT}{run}-{number}." for number in range(at_once * waves))
    requests = [_request(subject, subject.stream, text) for text in texts]
    order = Order(
        host=subject.host,
        port=subject.port,
        requests=requests,
        first=FIRST_TOKEN,
        at_once=at_once,
        limit_s=_LIMIT_S,
    )
    before = cpu_seconds(subject.session) if subject.session else 0.0
    found = _read(order)
    spent = cpu_seconds(subject.session) - before if subject.session else 0.0
    return Streamed(found, spent)


def _read(order: Order) -> Found:
    """By another process. Raises MissingSubject."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "bench.side_by_side.stream_reader"],
            input=order.model_dump_json(),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=order.limit_s + _START_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MissingSubject(f"the reader of streams doesn't end within {error.timeout:.0f} s") from error
    if done.returncode:
        raise MissingSubject(f"a stream failed: {done.stderr.strip()[:400]}")
    return Found.model_validate_json(done.stdout)


def _request(subject: Running, stream: Request, text: str) -> str:
    body = stream.body.replace(TEXT, text)
    headers = {
        "Host": f"{subject.host}:{subject.port}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body.encode())),
        **stream.headers,
    }
    lines = [f"POST {stream.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines) + "\r\n\r\n" + body
