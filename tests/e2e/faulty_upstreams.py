"""Two upstreams that break at random: a script inside the service, and an Ollama server of the test kit outside it."""

import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.backends.ollama_server import Canned, Fault, OllamaServer

__all__ = ["HOLD", "HOLD_S", "QUEUE", "SLOTS", "TOPICS", "FaultyOllama", "answers", "configuration", "text_of"]

SLOTS, QUEUE = 4, 12
TOPICS = 4
SORT, TELL = "Sort", "Tell"
HOLD, HOLD_S = "Hold", 0.4
"""A text that begins so keeps the script's slot for so long; the server holds every answer, once it is told to."""

_CHANCE = 0.012
_LINES: Sequence[dict[str, Any]] = (
    {"fail": "unavailable"},
    {"fail": "busy", "retry_after_s": 0.2},
    {"fail": "busy", "retry_after_s": 30},
    {"fail": "protocol"},
    {"fail": "rejected"},
    {"fail": "timeout", "delay_ms": 100},
    {"fail": "unavailable", "fail_after": 0},
    {"fail": "unavailable", "fail_after": 3},
    {"fail": "protocol", "fail_after": 5},
    {"stall_after": 0},
    {"stall_after": 4},
    {"end_early": 0},
    {"end_early": 6},
    {"delay_ms": 250},
)

_CHAT, _SHOW = "/api/chat", "/api/show"
_RATE, _SHOW_RATE, _OUTAGE_RATE = 0.12, 0.02, 0.9
_OUTAGE_EVERY_S, _OUTAGE_FROM_S, _OUTAGE_TO_S = 10.0, 2.0, 3.0
_FAULTS: Sequence[Fault] = (
    Fault(status=500),
    Fault(status=503),
    Fault(status=503, retry_after="30"),
    Fault(status=429, retry_after="0.2"),
    Fault(status=404, error="model 'smollm2:135m' not found"),
    Fault(status=502, body=b"<html>bad gateway</html>", content_type="text/html"),
    Fault(stall_first=True),
    Fault(stall_after=0),
    Fault(stall_after=4),
    Fault(cut_after=0),
    Fault(cut_after=5),
    Fault(end_after=0),
    Fault(end_after=6),
    Fault(malformed_after=0),
    Fault(malformed_after=3),
    Fault(error_after=0),
    Fault(error_after=4),
    Fault(split=3),
    Fault(content_type="text/html"),
    Fault(done_reason=""),
    Fault(without=("prompt_eval_count",)),
)


def text_of(task: str, topic: int, ticket: int) -> str:
    """A caller's text. By its topic the script chooses an answer; the server's answer repeats its ticket."""
    return f"{SORT if task == 'classify' else TELL} topic {topic}, ticket {ticket}."


def answers(task: str, topic: int, ticket: int) -> dict[str, str]:
    """The one right answer of each backend to `text_of` the same: a text, or a label."""
    if task == "classify":
        return dict.fromkeys("ab", f"topic {topic}")
    return {"a": _scripted(topic), "b": "".join(_told(topic, ticket))}


def _scripted(topic: int) -> str:
    return f"The script says of topic {topic} that a naïve café has 漢字 and 🙂 on its menu."


def _told(topic: int, ticket: int) -> Sequence[str]:
    said = f" of topic {topic} : a naïve café has 漢字 and 🙂 on its menu .".split(" ")[1:]
    return ["Ticket", f" {ticket}", *(f" {word}" for word in said)]


def _canned(prompt: str) -> Sequence[str]:
    found = re.search(rf"({SORT}|{TELL}) topic (\d+), ticket (\d+)", prompt)
    if found is None:
        return ["Held", "."]
    topic, ticket = int(found[2]), int(found[3])
    return ['{"label"', ': "topic', f" {topic}", '"}'] if found[1] == SORT else _told(topic, ticket)


class FaultyOllama(OllamaServer):
    """An Ollama server at which every request throws dice. `injected` are the faults that requests met, by name.

    For one second in ten, most requests fail: the breaker shall have something to do. `heal` ends all faults.
    """

    def __init__(self, seed: int) -> None:
        self.canned = Canned(_canned, first_s=0.02, each_s=0.006)
        super().__init__(self.canned, parallel=SLOTS)
        self.injected: Counter[str] = Counter()
        self._dice = random.Random(seed)
        self._began = time.monotonic()
        self._is_healed = True

    def __enter__(self) -> "FaultyOllama":
        super().__enter__()
        return self

    def break_down(self) -> None:
        self._is_healed, self._began = False, time.monotonic()

    def heal(self) -> None:
        self._is_healed = True

    def fault_of(self, path: str) -> Fault:
        if self._is_healed or self._dice.random() >= self._rate(path):
            return Fault()
        fault = self._dice.choice(_FAULTS if path == _CHAT else _FAULTS[:2])
        self.injected[_name(fault)] += 1
        return fault

    def _rate(self, path: str) -> float:
        if path == _SHOW:
            return _SHOW_RATE
        since = (time.monotonic() - self._began) % _OUTAGE_EVERY_S
        outage = _OUTAGE_FROM_S <= since < _OUTAGE_TO_S
        return 0.0 if path != _CHAT else _OUTAGE_RATE if outage else _RATE


def _name(fault: Fault) -> str:
    given = {name: getattr(fault, name) for name in Fault.__slots__ if name not in ("paths", "error", "body")}
    changed = {name: value for name, value in given.items() if value != getattr(Fault(), name)}
    return ", ".join(name if value is True else f"{name} {value}" for name, value in changed.items())


def configuration(server: OllamaServer, seed: int) -> dict[str, Any]:
    """A service whose backend `a` is the script and `b` the server: some tasks may fall back, some have one only."""
    common = {
        "concurrency": SLOTS,
        "max_queue": QUEUE,
        "queue_timeout_s": 2,
        "connect_timeout_s": 1,
        "first_token_timeout_s": 0.8,
        "idle_timeout_s": 0.6,
        "timeout_s": 5,
        "retries": 1,
    }
    script = {"kind": "scripted", "slots": SLOTS, "seed": seed, "answers": _script()}
    ollama = {"kind": "ollama", "base_url": server.base_url, "model": server.model_name, "num_ctx": 4096}
    return {
        "backends": {"a": {**script, **common}, "b": {**ollama, **common}},
        "routes": {"default": ["b", "a"], "classify": ["a", "b"], "rewrite": ["b"], "generate": ["a"]},
    }


def _script() -> list[dict[str, Any]]:
    held = {"when": HOLD, "answer": "Held.", "delay_ms": round(HOLD_S * 1000)}
    faults, healthy = [], []
    for topic in range(TOPICS):
        for when, answer in ((SORT, {"label": f"topic {topic}"}), (TELL, _scripted(topic))):
            line = {"when": f"{when} topic {topic},", "answer": answer, "token_ms": 6, "delay_ms": 20}
            healthy.append(line)
            faults += [{**line, "chance": _CHANCE, **fault} for fault in _LINES]
    return [held, *faults, *healthy]
