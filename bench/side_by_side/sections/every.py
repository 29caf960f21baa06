"""All sections, in the order of the page."""

from collections.abc import Callable

from bench.side_by_side.bench import Bench
from bench.side_by_side.fleet import Fleet
from bench.side_by_side.results import Section
from bench.side_by_side.sections import evaluation, overhead, real_model, scaling, start, streams

__all__ = ["KEYS", "measured"]

_Alongside = Callable[[Bench, Fleet], Section]
_Alone = Callable[[Bench], Section]

_ALONGSIDE: dict[str, _Alongside] = {overhead.KEY: overhead.measure, streams.KEY: streams.measure}
"""Those that load all subjects in turns: these are started once for all of them."""
_ALONE: dict[str, _Alone] = {
    real_model.KEY: real_model.measure,
    start.KEY: start.measure,
    scaling.KEY: scaling.measure,
    evaluation.KEY: evaluation.measure,
}
"""Those that start what they need, while nothing else runs."""

KEYS = (*_ALONGSIDE, *_ALONE)


def measured(key: str, bench: Bench, fleet: Fleet) -> Section:
    """Raises MissingSubject where the section can't be measured at all."""
    if key in _ALONGSIDE:
        return _ALONGSIDE[key](bench, fleet)
    fleet.stop()
    return _ALONE[key](bench)
