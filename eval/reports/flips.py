"""Cases that flipped, each with all the metrics in which it did."""

from dataclasses import dataclass

from eval.report import Comparison, Flip, Report

__all__ = ["FlippedCase", "flipped_cases"]


@dataclass(frozen=True, slots=True)
class FlippedCase:
    """One case between a candidate and its baseline, with a flip for each metric."""

    comparison: Comparison
    flips: tuple[Flip, ...]

    @property
    def case(self) -> str:
        return self.flips[0].case

    @property
    def is_worse(self) -> bool:
        """Whether some metric became worse, others better or not."""
        return any(flip.is_worse for flip in self.flips)


def flipped_cases(report: Report) -> list[FlippedCase]:
    """Those that became worse first, each kind in the report's order."""
    found = []
    for comparison in report.comparisons:
        flips: dict[str, list[Flip]] = {}
        for flip in comparison.flips:
            flips.setdefault(flip.case, []).append(flip)
        found += [FlippedCase(comparison, tuple(of_case)) for of_case in flips.values()]
    return sorted(found, key=lambda case: not case.is_worse)
