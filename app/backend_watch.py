"""Which backends are usable: known from a background probe, so that no request for it ever reaches a server."""

import asyncio
import logging
from dataclasses import dataclass

from app.metrics import Metrics
from app.settings import Settings
from chains.backends.configuration import ChecksContext, Probes, TellsSlots, Warms
from chains.errors import BackendBusy, BackendTimeout, CopydeskError
from chains.runner import Runner
from chains.traffic.breaker import BreakerState
from chains.traffic.lane import Lane

__all__ = ["BackendWatch", "Usability"]

_log = logging.getLogger("copydesk.readiness")
PROBE_INTERVAL_S = 10.0


@dataclass(slots=True)
class Usability:
    """What is known of one backend.

    error           the last probe's, or that of loading its model
    is_known        whether it was probed at all
    is_warm         whether its model is loaded, where that can be asked for
    context_tokens  prompt and answer together, where the server or the configuration tells
    """

    error: CopydeskError | None = None
    is_known: bool = False
    is_warm: bool = False
    context_tokens: int | None = None

    @property
    def is_usable(self) -> bool:
        return self.is_known and self.is_warm and self.error is None


class BackendWatch:
    """Probes every backend, has its model loaded, and fits the slots to what its server tells."""

    def __init__(self, runner: Runner, settings: Settings, metrics: Metrics) -> None:
        self.states = {name: Usability() for name in runner.backends}
        self._runner = runner
        self._settings = settings
        self._metrics = metrics
        self._warming: dict[str, asyncio.Task[None]] = {}

    def is_ready(self, name: str) -> bool:
        """Whether requests can be expected to be answered: it is usable, and not spared after failures."""
        spared = self._runner.backends[name].breaker.state is BreakerState.OPEN
        return self.states[name].is_usable and not spared

    @property
    def serves_all(self) -> bool:
        """Whether every task has a backend that is ready."""
        ready = {name for name in self.states if self.is_ready(name)}
        return all(ready.intersection(route) for route in self._runner.routes.values())

    def is_warming(self, name: str) -> bool:
        return name in self._warming

    async def run(self) -> None:
        """Look every PROBE_INTERVAL_S, until cancelled. Changes of state are logged."""
        try:
            while True:
                await asyncio.sleep(PROBE_INTERVAL_S)
                try:
                    await self.look()
                except Exception:  # what is known grows old, but is known
                    _log.exception("a probe failed in a way that nobody foresaw")
        finally:
            for task in self._warming.values():
                task.cancel()
            await asyncio.gather(*self._warming.values(), return_exceptions=True)

    async def look(self) -> None:
        """Probe every backend once; a model that isn't loaded begins to load, and nobody waits for it here."""
        await asyncio.gather(*(self._look_at(name, lane) for name, lane in self._runner.backends.items()))
        self._tell()

    def _tell(self) -> None:
        for name, state in self.states.items():
            self._metrics.usable(name, state.is_usable)
        self._metrics.ready(self.serves_all)

    async def _look_at(self, name: str, lane: Lane) -> None:
        state = self.states[name]
        error = await _probed(lane)
        if error is not None:
            if not isinstance(error, BackendTimeout | BackendBusy):
                state.is_warm = False  # what comes back may have lost its model
            self._note(name, error)
        elif state.is_warm or not isinstance(lane.model, Warms):
            state.is_warm = True
            self._note(name, None)
            await self._ask_for_facts(name, lane)
        elif name not in self._warming:
            self._warming[name] = task = asyncio.create_task(self._warm(name, lane, lane.model))
            task.add_done_callback(lambda _: self._warming.pop(name, None))
        state.is_known = True

    async def _warm(self, name: str, lane: Lane, model: Warms) -> None:
        start = asyncio.get_running_loop().time()
        try:
            await model.warm()
        except CopydeskError as error:
            self._note(name, error)
            return
        seconds = asyncio.get_running_loop().time() - start
        if seconds > 1:
            _log.info("backend %r: its model was loaded in %.1f s", name, seconds)
        await self._ask_for_facts(name, lane)
        self.states[name].is_warm = True
        self._note(name, None)

    def _note(self, name: str, error: CopydeskError | None) -> None:
        state = self.states[name]
        before, state.error = state.error, error
        lane = self._runner.backends[name]
        lane.is_usable = error is None
        if error is None and before is not None:
            lane.breaker.retry_now()
        if error is not None and (before is None or before.code != error.code):
            _log.warning("not usable: %s", error)
        elif error is None and before is not None:
            _log.info("backend %r is usable again", name)
        self._tell()

    async def _ask_for_facts(self, name: str, lane: Lane) -> None:
        try:
            if isinstance(lane.model, ChecksContext):
                self.states[name].context_tokens = await lane.model.context_tokens()
            if isinstance(lane.model, TellsSlots):
                self._fit_slots(name, lane, await lane.model.server_slots())
        except CopydeskError as error:
            _log.debug("backend %r doesn't say what it is: %s", name, error)

    def _fit_slots(self, name: str, lane: Lane, told: int | None) -> None:
        """More at once than the server works on would wait there, where neither fairness nor deadlines count."""
        configured, workers = self._settings.backends[name].concurrency, self._settings.server.workers
        slots = max(1, min(configured, told or configured) // workers)
        if slots != lane.admission.slots:
            _log.warning(
                "backend %r: its server has %s slots and concurrency is %d: this worker uses %d",
                *(name, told, configured, slots),
            )
            lane.admission.resize(slots)


async def _probed(lane: Lane) -> CopydeskError | None:
    try:
        if isinstance(lane.model, Probes):
            await lane.model.probe()
    except CopydeskError as error:
        return error
    return None
