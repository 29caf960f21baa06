"""Which recorded answers a request used, and which it lacked.

Whoever runs a request and wants to know opens an account, which travels in a context variable as the ledger does:

    with noting_recordings("case summarize-de-works of summarize@1.1.0") as noted:
        result = await runner.run(...)
    noted.used, noted.missing, noted.recorded_ms
"""

from collections import defaultdict
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from chains.context import Within

__all__ = ["Recordings", "are_noted", "current_recordings", "noting_recordings"]


class Recordings:
    """The account of one request. `label` says in errors which request it is. Keys are 64 hex digits.

    used         the keys of the recordings that answered it, or were made of its answers, sorted: what asks at once
                 would tell them in another order every time
    missing      the keys for which there is no recording; a chain ends at its first one, so that there may be more
    recorded_ms  how long the model took for those that were used, when they were recorded: one after the other, so
                 that it is more than the request took where some ran at once
    """

    def __init__(self, label: str = "") -> None:
        self.label = label
        self._used: dict[str, float] = {}
        self._missing: dict[str, None] = {}
        self._turns: defaultdict[str, set[int]] = defaultdict(set)

    @property
    def used(self) -> tuple[str, ...]:
        return tuple(sorted(self._used))

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(sorted(self._missing))

    @property
    def recorded_ms(self) -> float:
        return sum(self._used.values())

    def note(self, key: str, ms: float) -> None:
        """A recording was used; once, however often it is told."""
        self._used.setdefault(key, ms)

    def hear(self, metadata: Mapping[str, Any]) -> None:
        """Note the recording that an answer is, by its `response_metadata`, where it is one: also whoever shares an
        answer that was generated for another request has used it."""
        if key := metadata.get("recording"):
            self.note(key, metadata["recorded_ms"])

    def lack(self, key: str) -> None:
        self._missing.setdefault(key)

    def take_turn(self, key: str) -> int:
        """Which of the request's equal questions this one is, from 0: where chance decides, each has its own answer."""
        taken = self._turns[key]
        turn = next(number for number in range(len(taken) + 1) if number not in taken)
        taken.add(turn)
        return turn

    def give_back(self, key: str, turn: int) -> None:
        """The question got no answer: the next one like it takes its turn."""
        self._turns[key].discard(turn)


_current: ContextVar[Recordings | None] = ContextVar("copydesk_recordings", default=None)


def noting_recordings(label: str = "") -> Within[Recordings]:
    """Note what is used and what is missing inside."""
    return Within(_current, Recordings(label))


def current_recordings() -> Recordings:
    """The account of the request that is being served; one that nobody looks at where nobody asked for it."""
    return _current.get() or Recordings()


def are_noted() -> bool:
    """Whether an account is open. A chain then uses nothing that it learnt from other requests, so that what a request
    uses and costs doesn't depend on which were served before it."""
    return _current.get() is not None
