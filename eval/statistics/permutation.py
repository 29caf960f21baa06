"""Sign flips: had the two versions been the same, each case's two results might as well have been exchanged."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eval.scorers.extra import library
from eval.statistics.interval import TAIL, Interval

if TYPE_CHECKING:
    from eval.statistics.interval import Floats
    from eval.statistics.resampled import Counted

__all__ = ["Flipped", "flip"]

_FLIPS = 9_999
_AT_ONCE = 4_000_000
_SEED = 1969


@dataclass(frozen=True, slots=True)
class Flipped:
    """`p_value` is one-sided: how often exchanging the results of random cases gives a difference as low as the one
    observed, or lower. `means` are sorted, one for each random half of the cases."""

    p_value: float
    means: "Floats"
    cases: int

    def interval(self, tail: float = TAIL) -> Interval | None:
        """The differences that the test of sign flips doesn't reject at `tail` to each side.

        A difference is rejected by the share of random halves whose mean is beyond it: so the ends are quantiles of
        these means (Hartigan 1969, typical values), and no search is needed. None with so few cases that no test of
        this kind rejects anything.
        """
        place = int(tail * (len(self.means) + 1))
        if tail * 2.0 ** min(self.cases, 64) < 1 or place < 1:
            return None
        return Interval(float(self.means[place - 1]), float(self.means[-place]))


def flip(sample: "Counted", flips: int = _FLIPS) -> Flipped:
    """Exact where the results could be exchanged, as those of two equal versions can; the interval is exact where the
    differences are symmetric. The same cases give the same result. Raises ConfigurationError without the extra."""
    numpy = library("numpy")
    found = list(_flipped(sample, flips))
    differences = numpy.concatenate([some for some, _ in found])
    slack = 1e-6 * max(1.0, abs(sample.difference))
    as_low = int((differences <= sample.difference + slack).sum())
    return Flipped((1 + as_low) / (1 + flips), numpy.sort(numpy.concatenate([some for _, some in found])), sample.cases)


def _flipped(sample: "Counted", flips: int) -> "Iterator[tuple[Floats, Floats]]":
    """For blocks of random halves: the difference after the exchange, and the mean contribution of the half's cases,
    where there are any."""
    numpy = library("numpy")
    chance = numpy.random.default_rng(_SEED)
    counts = sample.baseline.shape[1]
    before, now = sample.baseline.sum(0), sample.candidate.sum(0)
    moved = sample.candidate - sample.baseline
    columns = numpy.hstack([moved, sample.values[:, None], numpy.ones((sample.cases, 1))])
    block = max(1, _AT_ONCE // sample.cases)
    for start in range(0, flips, block):
        size = min(block, flips - start)
        bits = numpy.frombuffer(chance.bytes(size * ((sample.cases + 7) // 8)), dtype=numpy.uint8).reshape(size, -1)
        halves = numpy.unpackbits(bits, axis=1, count=sample.cases).astype(numpy.float32)
        sums = (halves @ columns.astype(numpy.float32)).astype(float)
        exchanged = sums[:, :counts]
        some = sums[:, -1] > 0
        yield sample.differences(before + exchanged, now - exchanged), sums[some, counts] / sums[some, -1]
