"""Load from a process of its own: wrk. Each request has a text of its own, unless told otherwise."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.side_by_side.processes import cpu_seconds, resident_mib
from bench.side_by_side.subjects.subject import TEXT, MissingSubject, Request, Running

__all__ = ["BODY_TEXT", "Load", "Rates", "load_program", "loaded", "parsed", "script"]

BODY_TEXT = (
    "The council decided on Tuesday to close the old bridge over the river from the second week of May. Traffic is "
    "led over the northern ring for eleven weeks, and two bus lines end at the market. The work costs 4.2 million "
    "euros, of which the state pays a third. Shops on the left bank fear for their summer trade, and ask for signs "
    "at the exits. The mayor said that the bridge would otherwise have to be shut for good within three years. "
    "Notice number "
)
"""Some 80 words, as a business text has; what makes each its own follows."""

_LIMIT_S = 120
_TRIES = 2
_REPORT = re.compile(r"^REPORT (\{.*\})$", re.MULTILINE)
_SCRIPT = """\
local head, tail = %(head)s, %(tail)s
local run, number = "%(run)d", 0
local headers = { %(headers)s }
function request()
  number = number + %(step)d
  return wrk.format("POST", "%(path)s", headers, head .. run .. "-" .. number .. "." .. tail)
end
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'REPORT {"requests": %%d, "seconds": %%.6f, "bad_status": %%d, "broken": %%d, ',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
  io.write(string.format(
    '"p50_ms": %%.4f, "p95_ms": %%.4f, "p99_ms": %%.4f}\\n',
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3))
end
"""


@dataclass(frozen=True)
class Rates:
    """What wrk reports."""

    requests: int
    seconds: float
    bad_status: int
    broken: int
    p50_ms: float
    p95_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


@dataclass(frozen=True)
class Load:
    """Rates, and what the subject took for them: CPU milliseconds a request, MiB after it; 0 where it isn't ours."""

    rates: Rates
    cpu_ms: float
    resident_mib: float


def loaded(subject: Running, connections: int, seconds: float, folder: Path, *, same_text: bool = False) -> Load:
    """As many requests as so many connections can, for so long.

    A load with any answer that isn't good is repeated once, which is told on standard error; then MissingSubject is
    raised.
    """
    for _ in range(_TRIES):
        load = _loaded(subject, connections, seconds, folder, same_text=same_text)
        rates = load.rates
        if not rates.bad_status and not rates.broken:
            return load
        wrong = f"of {rates.requests} requests {rates.bad_status} were refused, {rates.broken} broken off"
        print(f"a load on {subject.host}:{subject.port} failed: {wrong}", file=sys.stderr, flush=True)
    raise MissingSubject(f"it failed under load, {_TRIES} times; the last time {wrong}")


def _loaded(subject: Running, connections: int, seconds: float, folder: Path, *, same_text: bool) -> Load:
    """Once, whatever the answers are. Raises MissingSubject where there are none."""
    wrk = load_program()
    lua = folder / "load.lua"
    lua.write_text(script(subject.ask, time.monotonic_ns(), same_text=same_text), encoding="utf-8")
    address = f"http://{subject.host}:{subject.port}"
    command = [wrk, "-t", "1", "-c", str(connections), "-d", f"{max(1, round(seconds))}s", "--timeout", "30s"]
    before = cpu_seconds(subject.session) if subject.session else 0.0
    output = _output([*command, "-s", str(lua), address])
    spent = cpu_seconds(subject.session) - before if subject.session else 0.0
    rates = parsed(output)
    memory = resident_mib(subject.session) if subject.session else 0.0
    return Load(rates, spent * 1000 / rates.requests, memory)


def _output(command: Sequence[str]) -> str:
    """Raises MissingSubject where it takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise MissingSubject(f"wrk doesn't end within {_LIMIT_S} s") from error
    return done.stdout + done.stderr


def load_program() -> str:
    """Its path. Raises MissingSubject."""
    found = shutil.which("wrk")
    if found is None:
        raise MissingSubject("loads need wrk; on Debian: apt-get install wrk")
    return found


def parsed(output: str) -> Rates:
    """What the script reported at the end of wrk's output. Raises MissingSubject where it doesn't, or got no answer."""
    found = _REPORT.search(output)
    if found is None:
        raise MissingSubject(f"wrk reported nothing: {output.strip()[-300:] or 'it wrote nothing'}")
    rates = Rates(**json.loads(found[1]))
    if rates.requests == 0:
        raise MissingSubject("not one answer under load")
    return rates


def script(ask: Request, run: int, *, same_text: bool) -> str:
    """For wrk. `run` is in each text: another one for each load, so that no two send the same. Lua keeps it as text,
    since its numbers have 53 bits."""
    head, tail = ask.body.split(TEXT)
    headers = {"Content-Type": "application/json", **ask.headers}
    return _SCRIPT % {
        "head": _lua(head + BODY_TEXT),
        "tail": _lua(tail),
        "run": run,
        "step": 0 if same_text else 1,
        "path": ask.path,
        "headers": ", ".join(f"[{_lua(name)}] = {_lua(value)}" for name, value in headers.items()),
    }


def _lua(text: str) -> str:
    """A string of Lua. What JSON escapes for itself is kept."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
