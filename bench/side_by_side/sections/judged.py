"""How an aim is judged: what a metric of one subject is, beside that of another or beside a bound."""

from collections.abc import Iterable

from bench.side_by_side.results import Aim, Row

__all__ = ["Figures"]


class Figures:
    """The rows of a section. An aim on figures that aren't there isn't met, and says so."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._medians = {(row.subject, row.case, row.metric): row.median for row in rows}

    def times(self, text: str, of: str, peer: str, case: str, *, bound: float, metric: str = "rate") -> Aim:
        """The metric of a subject is so many times that of a peer, or more."""
        ours, theirs = self._medians.get((of, case, metric)), self._medians.get((peer, case, metric))
        name = f"{metric}, {case}, {of} / {peer}"
        if ours is None or not theirs:
            return Aim(text=text, metric=name, bound=f">= {bound:g} times", measured=_ABSENT, met=False)
        ratio = ours / theirs
        measured = f"{ratio:.2f} times"
        return Aim(text=text, metric=name, bound=f">= {bound:g} times", measured=measured, met=ratio >= bound)

    def above(self, text: str, of: str, base: str, case: str, *, bound: float, metric: str = "p50", unit: str) -> Aim:
        """The metric of a subject is so much more than that of another, at most."""
        ours, theirs = self._medians.get((of, case, metric)), self._medians.get((base, case, metric))
        name, limit = f"{metric}, {case}, {of} - {base}", f"<= {bound:g} {unit}"
        if ours is None or theirs is None:
            return Aim(text=text, metric=name, bound=limit, measured=_ABSENT, met=False)
        more = ours - theirs
        return Aim(text=text, metric=name, bound=limit, measured=f"{more:.2f} {unit}", met=more <= bound)

    def at_most(
        self, text: str, of: str, case: str, metric: str, *, bound: float, unit: str, binding: bool = True
    ) -> Aim:
        found = self._medians.get((of, case, metric))
        name, limit = f"{metric}, {case}, {of}", f"<= {bound:g} {unit}"
        measured = _ABSENT if found is None else _said(found, unit)
        met = found is not None and found <= bound
        return Aim(text=text, metric=name, bound=limit, measured=measured, met=met, binding=binding)

    def at_least(self, text: str, of: str, case: str, metric: str, *, bound: float, unit: str) -> Aim:
        found = self._medians.get((of, case, metric))
        measured = _ABSENT if found is None else _said(found, unit)
        met = found is not None and found >= bound
        name, limit = f"{metric}, {case}, {of}", f">= {bound:g} {unit}"
        return Aim(text=text, metric=name, bound=limit, measured=measured, met=met)


_ABSENT = "not measured"


def _said(value: float, unit: str) -> str:
    """Ratios with a digit more: some bounds are of percents."""
    return f"{value:.{3 if unit == 'times' else 2}f} {unit}"
