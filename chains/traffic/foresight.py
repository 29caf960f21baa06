"""How long a request will wait, and how far that can be trusted."""

from collections import deque
from collections.abc import Sequence
from heapq import heapify, heapreplace, nlargest

from chains.traffic.ticket import Request

__all__ = ["Foresight", "predicted_wait"]

_PLAYED_THROUGH = 256
_WINDOW = 128
_LEAST, _MOST = 1.1, 3.0
_AND_MORE = 1.1


class Foresight:
    """How the last 128 predictions of one queue turned out. `margin` is the factor that none of them went beyond.

    A prediction knows the queue as it is. Those who come later and overtake, by priority or by fairness, make the
    wait longer: the margin expects as many of them as there were.
    """

    def __init__(self) -> None:
        self._ratios: deque[float] = deque(maxlen=_WINDOW)
        self.margin = _LEAST

    def came_true(self, request: Request, now: float) -> None:
        """Learn from a request that gets its slot now."""
        self._learn(request, now - request.arrived)

    def gave_up(self, request: Request, now: float) -> None:
        """Learn from a request that would have had to wait longer."""
        self._learn(request, (now - request.arrived) * _AND_MORE)

    def _learn(self, request: Request, waited_s: float) -> None:
        # A wait of less than one answer says how far the running ones were, and little of the queue.
        if request.predicted_wait >= request.cost > 0:
            self._ratios.append(waited_s / request.predicted_wait)
            self.margin = min(max(*self._ratios, _LEAST), _MOST)


def predicted_wait(free_in: Sequence[float], ahead: Sequence[float], slots: int) -> float:
    """Seconds until a slot is free for whoever comes now.

    `free_in` are the seconds until each taken slot becomes free; there are more of them than `slots` after a resize,
    and then the last ones count. `ahead` are the service times of those that are served before, in their order. The
    first 256 are played through, the rest is spread over the slots.
    """
    free = nlargest(slots, free_in)
    heapify(free)
    for seconds in ahead[:_PLAYED_THROUGH]:
        heapreplace(free, free[0] + seconds)
    return free[0] + sum(ahead[_PLAYED_THROUGH:]) / slots
