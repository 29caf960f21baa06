"""The gate of one backend's model: so many requests at once, a bounded queue, and no work that comes too late."""

import asyncio
import math
from contextlib import AbstractAsyncContextManager

from chains.errors import BackendBusy, BackendTimeout
from chains.terms import RANKS
from chains.traffic.fair_queue import FairQueue
from chains.traffic.foresight import Foresight, predicted_wait
from chains.traffic.meter import SILENT, Meter
from chains.traffic.service_time import ServiceTimes
from chains.traffic.ticket import Request, Ticket

__all__ = ["Admission"]

_KEPT = 4
_STALL, _STALL_AT_LEAST_S = 4, 1.0
_RETRY_AT_LEAST_S, _RETRY_AT_MOST_S = 1, 300


class Admission:
    """Lets `slots` requests run at once and `max_queue` wait, for at most `queue_timeout_s`.

    A free slot goes to the highest priority, then to the caller that has used the least service time of late, then to
    whoever came first. Use it within one event loop.
    """

    def __init__(self, backend: str, slots: int, max_queue: int, queue_timeout_s: float, meter: Meter = SILENT) -> None:
        self._backend = backend
        self._slots = slots
        self._max_queue = max_queue
        self._queue_timeout_s = queue_timeout_s
        self._meter = meter
        self._times = ServiceTimes()
        self._queues: dict[int, FairQueue[Request]] = {rank: FairQueue() for rank in RANKS}
        self._foresights = {rank: Foresight() for rank in RANKS}
        self._running: set[Request] = set()
        self._queued = 0
        meter.sized(backend, slots)
        meter.queued(backend, 0)

    @property
    def slots(self) -> int:
        return self._slots

    @property
    def busy(self) -> int:
        """Slots that are taken; for a while more than there are, after a `resize` to fewer."""
        return len(self._running)

    @property
    def queued(self) -> int:
        return self._queued

    def resize(self, slots: int) -> None:
        """Change the number of slots, 1 or more. Whatever runs goes on."""
        self._slots = slots
        self._meter.sized(self._backend, slots)
        self._hand_out(_now())

    def slot(self, ticket: Ticket) -> AbstractAsyncContextManager[float]:
        """Hold a slot inside the block; yields how many seconds were waited for it.

        Raises BackendBusy: at once where the queue is full or its wait would be too long for the deadline; later
        where another request took the place in the full queue, the time left became too short for an answer, or
        `queue_timeout_s` is over. A block that ends without an exception, or that is left after the answer has begun,
        teaches how long an answer takes.
        """
        return _Slot(self, ticket)

    async def _admit(self, ticket: Ticket) -> Request:
        now = _now()
        request = Request(ticket, self._times.cost(ticket.kind), now)
        displaced = self._displaced_by(request)
        self._refuse_hopeless(request, now)
        if displaced is not None:
            self._turn_out(displaced, self._refusal(displaced, now, "displaced", _displaced(displaced, request)))
        if self.busy < self._slots:
            self._queues[request.rank].start(request.caller, request.cost)
            self._run(request, now)
        else:
            await self._wait(request)
        return request

    def is_stall(self, kind: str, seconds: float) -> bool:
        """Whether a request of the kind should have had its answer long ago, by how long answers took of late."""
        estimate = self._times.estimate(kind)
        return estimate is not None and seconds > max(_STALL * estimate.low, _STALL_AT_LEAST_S)

    def _displaced_by(self, newcomer: Request) -> Request | None:
        """Who gives up a place in the queue for the newcomer, if that is needed. Raises BackendBusy if nobody does."""
        if self.busy < self._slots or self._has_place(newcomer):
            return None
        for rank in reversed(RANKS[newcomer.rank + 1 :]):
            if self._queues[rank]:
                return self._queues[rank].greediest()
        queue = self._queues[newcomer.rank]
        if queue.largest > queue.waiting(newcomer.caller) + 1:
            return queue.greediest()
        waiting = f"{self.queued} requests wait, as many as may" if self._max_queue else "none may wait"
        raise self._refusal(newcomer, newcomer.arrived, "queue_full", f"all its slots are taken and {waiting}")

    def _has_place(self, newcomer: Request) -> bool:
        """Whether the queue has room. Its last quarter is kept for callers with less than their share of it: so they
        needn't turn anybody out, who would have waited in vain."""
        if self.queued < self._max_queue - self._max_queue // _KEPT:
            return True
        queue = self._queues[newcomer.rank]
        takes_share = queue.callers > 1 and queue.waiting(newcomer.caller) >= self._max_queue / queue.callers
        return self.queued < self._max_queue and not takes_share

    def _refuse_hopeless(self, newcomer: Request, now: float) -> None:
        """Raises BackendBusy where the newcomer's answer will not be ready in time, BackendTimeout where it would not
        be without any wait either.

        In a queue, there are others who can make use of the slot: the wait and the answer may then take longer than
        usual. With a free slot, only what is hardly possible is refused.
        """
        wait = newcomer.predicted_wait = 0.0 if self._times.ignorant else self._wait_ahead(newcomer, now)
        deadline = newcomer.ticket.deadline()
        if deadline is None:
            return
        left = deadline - now
        wait *= self._foresights[newcomer.rank].margin
        estimate = self._times.estimate(newcomer.kind)
        service = 0.0 if estimate is None else estimate.high if wait else estimate.low
        if wait + service <= left:
            return
        if wait <= left and self._times.probe(newcomer.kind, now):
            newcomer.is_probe = True
        elif wait:
            raise self._refusal(newcomer, now, "deadline", _too_late(wait, service, left))
        else:
            self._meter.refused(self._backend, "deadline")
            raise BackendTimeout(_too_slow(service, left), backend=self._backend, too_late=True)

    def _wait_ahead(self, newcomer: Request, now: float) -> float:
        """Seconds until the newcomer would get a slot, if nobody overtook it."""
        if self.busy < self._slots:
            return 0.0
        free_in = [max(0.0, request.started + request.cost - now) for request in self._running]
        ahead = list(self._queues[newcomer.rank].costs_before(newcomer.caller))
        for rank in RANKS[: newcomer.rank]:
            ahead += self._queues[rank].costs
        return predicted_wait(free_in, ahead, self._slots)

    async def _wait(self, request: Request) -> None:
        request.waits = True
        self._queues[request.rank].add(request)
        self._set_timer(request)
        self._count_queued(1)
        try:
            error = await request.outcome
        except asyncio.CancelledError:
            if request.waits:
                self._leave_queue(request)
            elif request in self._running:
                self._release(request, answered=False)
            raise
        finally:
            if request.timer is not None:
                request.timer.cancel()
        if error is not None:
            raise error

    def _set_timer(self, request: Request) -> None:
        """Look after a waiting request when it has waited long enough, or when its answer would come too late."""
        at = min(request.arrived + self._queue_timeout_s, self._latest_start(request))
        request.timer = asyncio.get_running_loop().call_at(at, self._look_after, request)

    def _latest_start(self, request: Request) -> float:
        deadline = request.ticket.deadline()
        if deadline is None:
            return math.inf
        estimate = None if request.is_probe else self._times.estimate(request.kind)
        return deadline - estimate.low if estimate else deadline

    def _look_after(self, request: Request) -> None:
        now = _now()
        if not request.waits:
            return
        if now >= request.arrived + self._queue_timeout_s:
            waited = f"no slot became free within {self._queue_timeout_s:g} s (queue_timeout_s)"
            self._turn_out(request, self._refusal(request, now, "queue_timeout", waited))
        elif now >= self._latest_start(request):
            self._foresights[request.rank].gave_up(request, now)
            self._turn_out(request, self._overdue(request, now))
        else:
            self._set_timer(request)

    def _turn_out(self, request: Request, error: BackendBusy) -> None:
        self._leave_queue(request)
        request.wake(error)

    def _leave_queue(self, request: Request) -> None:
        request.waits = False
        self._queues[request.rank].remove(request)
        self._count_queued(-1)

    def _run(self, request: Request, now: float) -> None:
        request.started = now
        self._running.add(request)
        self._meter.waited(self._backend, now - request.arrived)
        self._meter.in_use(self._backend, self.busy)

    def _release(self, request: Request, *, answered: bool) -> None:
        now = _now()
        used = now - request.started
        self._running.remove(request)
        self._queues[request.rank].finish(request.caller, request.cost, used)
        if answered:
            self._times.answered(request.kind, used, now, probe=request.is_probe)
        else:
            self._times.failed(request.kind, used, now)
        self._meter.in_use(self._backend, self.busy)
        self._hand_out(now)

    def _hand_out(self, now: float) -> None:
        """Give the free slots to those whose turn it is."""
        while self._queued and self.busy < self._slots:
            queue = next(filter(len, self._queues.values()))
            request = queue.take()
            request.waits = False
            self._count_queued(-1)
            overdue = not request.is_cancelled and now > self._latest_start(request)
            if overdue:
                self._foresights[request.rank].gave_up(request, now)
            if request.is_cancelled or overdue:
                queue.finish(request.caller, request.cost, 0.0)
            else:
                self._foresights[request.rank].came_true(request, now)
                self._run(request, now)
            request.wake(self._overdue(request, now) if overdue else None)

    def _count_queued(self, change: int) -> None:
        self._queued += change
        self._meter.queued(self._backend, self._queued)

    def _overdue(self, request: Request, now: float) -> BackendBusy:
        deadline, estimate = request.ticket.deadline(), self._times.estimate(request.kind)
        left = max(0.0, (deadline or now) - now)
        why = (
            f"no slot became free in time: after {now - request.arrived:.1f} s in the queue, the {left:.1f} s left "
            f"before the deadline are too few for an answer of about {estimate.low if estimate else 0:.1f} s"
        )
        return self._refusal(request, now, "deadline", why)

    def _refusal(self, request: Request, now: float, reason: str, why: str) -> BackendBusy:
        """The error of a refused request; it comes back when the present queue has been served."""
        self._meter.refused(self._backend, reason)
        seconds = math.ceil(self._wait_ahead(request, now))
        retry_after_s = min(max(seconds, _RETRY_AT_LEAST_S), _RETRY_AT_MOST_S)
        message = f"{why}. Send the request again in {retry_after_s} s."
        too_late = reason == "deadline"
        return BackendBusy(message, backend=self._backend, retry_after_s=retry_after_s, too_late=too_late)


class _Slot:
    """A slot of an admission, from its getting to its release."""

    def __init__(self, admission: Admission, ticket: Ticket) -> None:
        self._admission = admission
        self._ticket = ticket
        self._request: Request | None = None

    async def __aenter__(self) -> float:
        self._request = request = await self._admission._admit(self._ticket)
        return request.started - request.arrived

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        assert self._request is not None
        left = isinstance(error, asyncio.CancelledError | GeneratorExit) and self._ticket.begun
        self._admission._release(self._request, answered=error is None or left)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _too_late(wait: float, service: float, left: float) -> str:
    return (
        f"the answer would come too late: a wait of about {wait:.1f} s and an answer of about {service:.1f} s "
        f"do not fit into the {max(left, 0.0):.1f} s left before the deadline"
    )


def _too_slow(service: float, left: float) -> str:
    return (
        f"an answer takes about {service:.1f} s, and only {max(left, 0.0):.1f} s are left before the deadline: nothing "
        "was asked. Send the request with a larger deadline_ms, or a shorter text."
    )


def _displaced(request: Request, newcomer: Request) -> str:
    if request.rank == newcomer.rank:
        other = "another caller's request, who has fewer in it"
    else:
        other = "a request that goes first"
    return f"its queue is full, and the place went to {other}"
