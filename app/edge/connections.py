"""The open connections of one worker: what each is doing, how long it may, and which must go when there is no room.

A connection that costs its caller nothing is worth least: one whose headers aren't complete goes before an idle one,
and that before a slow reader and a slow sender. A request that is being worked on is never ended for room.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Protocol

from app.sections import ServerSettings

__all__ = ["Connection", "Connections", "Phase", "spare_connections"]

SWEEP_S = 0.25
DRAIN_S = 5.0
"""For the rest of a body whose request has been answered: a caller that still sends doesn't read the answer yet."""


class Phase(Enum):
    """What a connection is doing, in the order in which connections are ended for room."""

    CLOSING = "closing"
    DRAINING = "draining"
    HEADERS = "headers"
    IDLE = "idle"
    STALLED = "stalled"
    BODY = "body"
    WORK = "work"


_SPARED_S: Mapping[Phase, float] = {
    Phase.DRAINING: 0.5,
    Phase.HEADERS: 0.5,
    Phase.IDLE: 1.0,
    Phase.STALLED: 0.5,
    Phase.BODY: 0.5,
}
"""Which connections may be ended for a new one, and for how many seconds in their phase none is."""

_SPARED_FOR_A_REQUEST_S: Mapping[Phase, float] = {**_SPARED_S, Phase.DRAINING: 0.0, Phase.HEADERS: 0.0}
"""The same for a request that has come: it is worth more than what may never become one."""


def spare_connections(most: int) -> int:
    """How many more may be open for a moment: those that came at once, whose requests aren't read yet."""
    return 64 + most // 4


class Connection(Protocol):
    def expire(self, phase: Phase) -> None:
        """Its time in this phase is over."""

    def evict(self, phase: Phase) -> None:
        """Its place is needed."""

    def abort(self) -> None:
        """End it at once, whatever it was to get."""


class Connections:
    """Every phase keeps its connections by the time when they entered it, the oldest first: no look is at them all."""

    def __init__(self, server: ServerSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = server.max_connections
        self._spare = spare_connections(server.max_connections)
        self._clock = clock
        self._phase_of: dict[Connection, Phase] = {}
        self._in: dict[Phase, dict[Connection, float]] = {phase: {} for phase in Phase}
        self._limits = {
            Phase.CLOSING: server.write_timeout_s,
            Phase.DRAINING: DRAIN_S,
            Phase.HEADERS: server.header_timeout_s,
            Phase.IDLE: server.keep_alive_s,
            Phase.STALLED: server.write_timeout_s,
        }

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._phase_of))

    def __len__(self) -> int:
        return len(self._phase_of)

    def counts(self) -> dict[Phase, int]:
        return {phase: len(members) for phase, members in self._in.items()}

    def admit(self, connection: Connection) -> bool:
        """Take a new one in, and end another one for it where there is no room.

        False where none could go: then it has to ask with `has_room` when its request has come.
        """
        self._put(connection, Phase.HEADERS)
        if not self._is_full or self._make_room(_SPARED_S):
            return True
        if self._open > self._limit + self._spare:
            self._abort_oldest(Phase.HEADERS)
        return False

    def has_room(self) -> bool:
        """Whether a request may be served on a connection that was one too many."""
        return not self._is_full or self._make_room(_SPARED_FOR_A_REQUEST_S)

    def enter(self, connection: Connection, phase: Phase) -> None:
        """It begins another phase; what is being closed stays so, and what has left stays away."""
        before = self._phase_of.get(connection)
        if before not in (None, phase, Phase.CLOSING):
            del self._in[before][connection]
            self._put(connection, phase)

    def leave(self, connection: Connection) -> None:
        """It is closed."""
        phase = self._phase_of.pop(connection, None)
        if phase is not None:
            del self._in[phase][connection]

    def sweep(self) -> None:
        """End those that took longer than their phase allows."""
        now = self._clock()
        for phase, limit in self._limits.items():
            for connection in self._overdue(phase, now - limit):
                self.enter(connection, Phase.CLOSING)
                connection.expire(phase)

    def _put(self, connection: Connection, phase: Phase) -> None:
        self._phase_of[connection] = phase
        self._in[phase][connection] = self._clock()

    @property
    def _open(self) -> int:
        """How many there are, without those that are being closed."""
        return len(self._phase_of) - len(self._in[Phase.CLOSING])

    @property
    def _is_full(self) -> bool:
        return self._open > self._limit

    def _overdue(self, phase: Phase, before: float) -> list[Connection]:
        found = []
        for connection, entered in self._in[phase].items():
            if entered > before:
                break
            found.append(connection)
        return found

    def _make_room(self, spared: Mapping[Phase, float]) -> bool:
        now = self._clock()
        for phase, spared_s in spared.items():
            oldest = next(iter(self._in[phase].items()), None)
            if oldest is not None and now - oldest[1] >= spared_s:
                self.enter(oldest[0], Phase.CLOSING)
                oldest[0].evict(phase)
                if len(self._in[Phase.CLOSING]) > self._spare:
                    self._abort_oldest(Phase.CLOSING)
                return True
        return False

    def _abort_oldest(self, phase: Phase) -> None:
        oldest = next(iter(self._in[phase]))
        self.leave(oldest)
        oldest.abort()
