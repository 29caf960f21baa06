"""Made-up evaluations whose truth is known, and how often the statistics err on them.

`python -m tests.eval.statistics.simulation RUNS [CASES ...]` prints the table of docs/adr/0027-statistics.md.
"""

import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from eval.statistics.estimate import Estimate, estimate
from eval.statistics.paired import Paired, Value
from eval.statistics.resampled import label_counts, macro_f1, micro_f1
from eval.statistics.verdict import Verdict, verdict_of

Chance = np.random.Generator
NO_MARGIN = 0.0
"""With it nothing that is worse passes, so that every alarm is seen."""


_MARGINS = (0.05, 0.10)


@dataclass(frozen=True)
class World:
    """`draw` makes an evaluation of so many cases; its true difference is `truth`."""

    draw: Callable[[Chance, int], Paired]
    truth: float = 0.0


def right_or_wrong(lost: float, gained: float, right: float = 0.8) -> World:
    """Of all cases the baseline has the share `right` right."""

    def draw(chance: Chance, cases: int) -> Paired:
        outcomes = chance.multinomial(cases, [right - lost, lost, gained, 1 - right - gained])
        return _table(*map(int, outcomes))

    return World(draw, gained - lost)


@cache
def _table(both: int, lost: int, gained: int, neither: int) -> Paired:
    before = [1] * (both + lost) + [0] * (gained + neither)
    now = [1] * both + [0] * lost + [1] * gained + [0] * neither
    return Paired("right", "binary", before, now, NO_MARGIN)


@cache
def _estimate(both: int, lost: int, gained: int, neither: int, tail: float) -> Estimate:
    found = estimate(_table(both, lost, gained, neither), tail)
    assert found is not None
    return found


def scores(noise: float = 0.1, loss: float = 0.0) -> World:
    """Like ROUGE: a case is hard or easy, and each version has luck with it."""

    def draw(chance: Chance, cases: int) -> Paired:
        level = chance.beta(6, 6, cases)
        before, now = (level + chance.normal(0, noise, cases) for _ in range(2))
        return _means(before, now - loss)

    return World(draw, -loss)


def few_changes(share: float, up: float = 0.5) -> World:
    """Most answers stay the same; of those that change, the share `up` becomes better, by anything up to 1."""

    def draw(chance: Chance, cases: int) -> Paired:
        size = (chance.random(cases) < share) * chance.beta(2, 2, cases)
        signs = np.where(chance.random(cases) < up, 1, -1)
        return _means(np.zeros(cases), size * signs)

    return World(draw, share * 0.5 * (2 * up - 1))


def skewed() -> World:
    """Most cases get a little better, some much worse; the mean stays. The two versions are not exchangeable."""
    return World(lambda chance, cases: _means(np.zeros(cases), 0.2 - chance.exponential(0.2, cases)))


def repeated(repeats: int = 5) -> World:
    """Right or wrong, several times a case, averaged: cases differ in how often they are right."""

    def draw(chance: Chance, cases: int) -> Paired:
        often = chance.beta(2, 1, cases)
        return _means(*(chance.binomial(repeats, often) / repeats for _ in range(2)))

    return World(draw)


def _means(before: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", now: object) -> Paired:
    return Paired("mean", "continuous", before.tolist(), np.asarray(now).tolist(), NO_MARGIN)


def entities(found: float = 0.7, lost: float = 0.0, spurious: float = 0.5) -> World:
    """Micro F1 of entities: of one to five expected ones a share is found, and some others too."""

    def draw(chance: Chance, cases: int) -> Paired:
        expected = chance.integers(1, 6, cases)
        sides: list[list[Value]] = []
        for rate in (found, found - lost):
            hits = chance.binomial(expected, rate)
            named = hits + chance.poisson(spurious, cases)
            sides.append([tuple(map(float, row)) for row in zip(hits, named, expected, strict=True)])
        return Paired("entities", "counts", sides[0], sides[1], NO_MARGIN, score=micro_f1)

    before, now = (2 * 3 * rate / (3 * rate + spurious + 3) for rate in (found, found - lost))
    return World(draw, now - before)


def labels(right: float = 0.75) -> World:
    """Macro F1 of five labels, one of them rare; one answer in two is the same for both versions."""
    names = ["a", "b", "c", "d", "e"]

    def draw(chance: Chance, cases: int) -> Paired:
        expected = chance.choice(names, cases, p=[0.3, 0.25, 0.2, 0.15, 0.1])
        both = [np.where(chance.random(cases) < right, expected, chance.choice(names, cases)) for _ in range(2)]
        both[1] = np.where(chance.random(cases) < 0.5, *both)
        rows: list[list[Value]] = [
            [label_counts([one], [other], names) for one, other in zip(expected, side, strict=True)] for side in both
        ]
        return Paired("labels", "counts", rows[0], rows[1], NO_MARGIN, score=macro_f1)

    return World(draw)


WORLDS: Mapping[str, World] = {
    "right or wrong, 11 % change": right_or_wrong(0.055, 0.055),
    "right or wrong, 8 % lost, 3 % gained": right_or_wrong(0.08, 0.03),
    "scores": scores(),
    "scores, 5 points lost": scores(loss=0.05),
    "scores, 10 % change": few_changes(0.1),
    "scores, 20 % change": few_changes(0.2),
    "scores, 20 % change, most for the worse": few_changes(0.2, up=0.2),
    "scores, 30 % change, all for the worse": few_changes(0.3, up=0.0),
    "scores, skewed": skewed(),
    "right or wrong, 5 repeats": repeated(),
    "micro F1 of entities": entities(),
    "micro F1 of entities, 10 % fewer found": entities(lost=0.1),
    "macro F1 of labels": labels(),
}


@dataclass(frozen=True)
class Rates:
    """Shares of all runs: how often each bound of 95 % held, and the interval of 95 %; and the verdicts."""

    lower: float
    upper: float
    interval: float
    regressed: float
    passed: Mapping[float, float]


def rates(world: World, cases: int, runs: int, *, both: bool = False, seed: int = 7) -> Rates:
    """With margin 0 for REGRESSED, and 5 and 10 points for PASS. The interval of 95 % only with `both`."""
    chance = np.random.default_rng(seed)
    seen: Counter[object] = Counter()
    for _ in range(runs):
        paired = world.draw(chance, cases)
        one = estimate_of(paired)
        two = estimate_of(paired, 0.025) if both else one
        seen["lower"] += one.interval.lower <= world.truth + 1e-9
        seen["upper"] += one.interval.upper >= world.truth - 1e-9
        seen["interval"] += two.interval.lower <= world.truth + 1e-9 and two.interval.upper >= world.truth - 1e-9
        seen["regressed"] += verdict_of(one, NO_MARGIN, one.p_value) is Verdict.REGRESSED
        for margin in _MARGINS:
            seen[margin] += verdict_of(one, margin, one.p_value) is Verdict.PASS
    share = {what: seen[what] / runs for what in ("lower", "upper", "interval", "regressed", *_MARGINS)}
    lower, upper, interval, regressed = (share[what] for what in ("lower", "upper", "interval", "regressed"))
    return Rates(lower, upper, interval, regressed, {margin: share[margin] for margin in _MARGINS})


def estimate_of(paired: Paired, tail: float = 0.05) -> Estimate:
    if paired.kind == "binary":
        outcomes = Counter(zip(paired.baseline, paired.candidate, strict=True))
        return _estimate(outcomes[1, 1], outcomes[1, 0], outcomes[0, 1], outcomes[0, 0], tail)
    found = estimate(paired, tail)
    assert found is not None
    return found


def six_equal_metrics(chance: Chance, cases: int) -> list[Paired]:
    """Nothing changed, in six metrics of all kinds."""
    worlds = (right_or_wrong(0.1, 0.1), repeated(), scores(), scores(0.3), entities(), labels())
    return [world.draw(chance, cases) for world in worlds]


def _row(columns: list[str]) -> str:
    return f"| {' | '.join(columns)} |"


def main() -> int:
    runs, *sizes = map(int, sys.argv[1:])
    print(_row(["cases", "", "lower", "upper", "95 %", "REGRESSED", "PASS at 5", "PASS at 10"]))
    for cases in sizes or (40, 50, 200):
        for name, world in WORLDS.items():
            found = rates(world, cases, runs, both=True)
            numbers = (found.lower, found.upper, found.interval, found.regressed, *found.passed.values())
            print(_row([str(cases), name, *(f"{number:.3f}" for number in numbers)]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
