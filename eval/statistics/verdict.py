"""Better, no worse, or not yet known: what is concluded from the difference in each gated metric, and in all.

PASS: the lower end is above minus the margin. REGRESSED: no PASS, the upper end is below zero, and the test, corrected
for the number of gated metrics (Holm), says so too. INCONCLUSIVE: everything else, and whatever has under 30 cases.

Only REGRESSED is corrected. A version is REGRESSED if any metric is, so that each one more is a further chance of a
false alarm: Holm keeps that of all together at 5 %. It passes only if every metric does, so that a further metric makes
a false PASS no likelier: nothing is to be corrected.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chains.prompts.lifecycle.evidence import Metric, Verdict
from eval.statistics.estimate import FEWEST, Estimate, estimate
from eval.statistics.holm import holm
from eval.statistics.interval import TAIL
from eval.statistics.paired import Paired
from eval.statistics.power import cases_for

__all__ = ["Comparison", "Paired", "Verdict", "compare", "compare_all", "overall", "verdict_of"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric of two versions, in the metric's own unit. What isn't defined without cases is None.

    `cases` pairs were compared, `left_out` had no value on one side or both. `baseline` and `candidate` are as
    measured; `difference`, `lower` and `upper` are turned so that above zero is better, each end a bound of 95 %.
    `p_value` is one-sided, for worse; `adjusted` is the same after the correction for the gated metrics. `detectable`
    is the smallest loss that so many cases show with 80 % probability, None where they show none so often;
    `cases_needed` is how many would settle it, were the difference as measured: with 80 % probability, and only for
    what is INCONCLUSIVE. `note` is plain text, empty where nothing is to be said.
    """

    name: str
    cases: int
    left_out: int
    margin: float
    verdict: Verdict
    note: str
    detectable: float | None
    cases_needed: int | None
    method: str
    baseline: float | None = None
    candidate: float | None = None
    difference: float | None = None
    lower: float | None = None
    upper: float | None = None
    p_value: float | None = None
    adjusted: float | None = None

    def metric(self) -> Metric | None:
        """As a record of evidence has it; None without cases, which no record can hold."""
        if self.difference is None:
            return None
        names = ("name", "cases", "baseline", "candidate", "difference", "lower", "upper", "margin", "verdict")
        return Metric(**{name: getattr(self, name) for name in names})


def compare(paired: Paired) -> Comparison:
    """One metric by itself. Raises ConfigurationError without the extra."""
    return compare_all([paired])[0]


def compare_all(gated: Sequence[Paired]) -> list[Comparison]:
    """All gated metrics, in their order; metrics that are only shown are compared one by one, so that they cost the
    gated ones nothing. Raises ConfigurationError without the extra."""
    estimates = [estimate(paired) for paired in gated]
    tested = [place for place, found in enumerate(estimates) if found and found.cases >= FEWEST]
    corrected = dict(zip(tested, holm([_p_value(estimates[place]) for place in tested]), strict=True))
    return [
        _compared(paired, found, corrected.get(place, 1.0), max(1, len(tested)))
        for place, (paired, found) in enumerate(zip(gated, estimates, strict=True))
    ]


def overall(comparisons: Sequence[Comparison]) -> Verdict:
    """REGRESSED if any is, PASS if all do; UNEVALUATED without any."""
    found = {comparison.verdict for comparison in comparisons}
    if not found:
        return Verdict.UNEVALUATED
    return next((verdict for verdict in (Verdict.REGRESSED, Verdict.INCONCLUSIVE) if verdict in found), Verdict.PASS)


def _p_value(found: Estimate | None) -> float:
    return found.p_value if found else 1.0


def _compared(paired: Paired, found: Estimate | None, adjusted: float, tests: int) -> Comparison:
    margin, of = paired.allowed_loss, len(paired.baseline)
    if found is None:
        note = _note(["no case where both are defined"], of, of)
        return Comparison(paired.name, 0, of, margin, Verdict.INCONCLUSIVE, note, None, FEWEST, "none")
    verdict = verdict_of(found, margin, adjusted)
    return Comparison(
        paired.name,
        found.cases,
        of - found.cases,
        margin,
        verdict,
        _note(_remarks(found, verdict, tests), of - found.cases, of),
        found.detectable(TAIL / tests),
        _cases_needed(found, margin, tests) if verdict is Verdict.INCONCLUSIVE else None,
        found.method,
        found.baseline,
        found.candidate,
        found.difference,
        *found.interval,
        found.p_value,
        adjusted,
    )


def verdict_of(found: Estimate, margin: float, adjusted: float) -> Verdict:
    """The rule itself. `adjusted` is the corrected p-value, or that of a metric by itself."""
    if found.cases < FEWEST:
        return Verdict.INCONCLUSIVE
    if found.interval.lower > -margin:
        return Verdict.PASS
    worse = found.interval.upper < 0 and adjusted <= TAIL
    return Verdict.REGRESSED if worse else Verdict.INCONCLUSIVE


def _remarks(found: Estimate, verdict: Verdict, tests: int) -> list[str]:
    if found.cases < FEWEST:
        return [f"fewer than {FEWEST} cases"]
    if found.interval.upper >= 0 or verdict is Verdict.REGRESSED:
        return []
    if verdict is Verdict.PASS:
        return ["worse, within the margin"]
    return ["worse by its interval, not by its test" + (f" corrected for {tests} metrics" if tests > 1 else "")]


def _note(remarks: Sequence[str], left_out: int, of: int) -> str:
    told = [f"{left_out} of {of} cases left out, for they have no value"] if left_out else []
    return "; ".join([*remarks, *told])


def _cases_needed(found: Estimate, margin: float, tests: int) -> int | None:
    """Only a loss is told by a corrected test, at worst by one at a share of the level."""
    needed = cases_for(found.difference, margin, found.deviation, loss_level=TAIL / tests)
    return None if needed is None else max(needed, FEWEST, found.cases + 1)
