"""Numbers as reports print them: shares in percent, differences in points, money, times."""

from chains.prompts.lifecycle.evidence import Verdict
from eval.report import MetricComparison, MetricInfo, ThresholdResult

__all__ = [
    "DASH",
    "bound",
    "count",
    "difference",
    "interval",
    "lacks",
    "milliseconds",
    "money",
    "remark",
    "share",
    "size",
    "value",
]

DASH = "–"
_NANO = 1_000_000_000


def value(info: MetricInfo, number: float | None) -> str:
    """`84.2 %` for a share, else a number of three decimals at most; a dash for None."""
    if number is None:
        return DASH
    return share(number) if info.is_share else _plain(number)


def share(number: float) -> str:
    """`84.2 %`."""
    return f"{_signed(f'{number * 100:.1f}')} %"


def difference(info: MetricInfo, number: float, *, unit: bool = True) -> str:
    """With its sign: `+3.4 pts` for a share; no `unit`: without `pts`."""
    if not info.is_share:
        return _plain(number, sign="+")
    return _signed(f"{number * 100:+.1f}") + (" pts" if unit else "")


def interval(info: MetricInfo, lower: float, upper: float) -> str:
    """`−2.1 to +5.0`, in the unit of the difference."""
    return f"{difference(info, lower, unit=False)} to {difference(info, upper, unit=False)}"


def size(info: MetricInfo, number: float) -> str:
    """A difference without a sign: `10.0 pts`."""
    return difference(info, abs(number)).lstrip("+")


def lacks(info: MetricInfo, metric: MetricComparison) -> str:
    """What an INCONCLUSIVE comparison lacks; nothing of others, and where that isn't known. A loss that is greater
    than any can be says nothing."""
    if metric.verdict is not Verdict.INCONCLUSIVE:
        return ""
    said = []
    if metric.detectable is not None and metric.detectable <= abs(info.best - info.worst):
        cases = f"{count(metric.cases)} cases" if metric.cases != 1 else "one case"
        said.append(f"The smallest loss that {cases} can show is {size(info, metric.detectable)}.")
    if metric.cases_needed is not None:
        said.append(f"About {count(metric.cases_needed)} cases would settle it.")
    return " ".join(said)


def remark(info: MetricInfo, metric: MetricComparison) -> str:
    """The note of a comparison, as sentences, and what it lacks."""
    note = metric.note.rstrip(".")
    sentences = [f"{note[0].upper()}{note[1:]}."] if note else []
    return " ".join(part for part in (*sentences, lacks(info, metric)) if part)


def bound(info: MetricInfo, threshold: ThresholdResult) -> str:
    """`at least 70.0 %`, `at most 5.0 %`, or both."""
    ends = {"at least": threshold.at_least, "at most": threshold.at_most}
    return " and ".join(f"{words} {value(info, number)}" for words, number in ends.items() if number is not None)


def count(number: int) -> str:
    return f"{number:,}"


def money(nano_usd: int | float | None) -> str:
    """From billionths of a US dollar: cents are enough for a sum above ten dollars, small sums have three digits."""
    if nano_usd is None:
        return DASH
    dollars = nano_usd / _NANO
    if dollars >= 10:
        return f"${dollars:,.2f}"
    return "$0" if dollars == 0 else f"${_significant(dollars)}"


def milliseconds(number: float) -> str:
    """`850 ms`, from one second on `1.24 s`."""
    if number < 10:
        return f"{number:.1f} ms"
    return f"{number:.0f} ms" if number < 1000 else f"{number / 1000:.2f} s"


def _plain(number: float, sign: str = "") -> str:
    decimals = 3 if abs(number) < 10 else 1
    return _signed(f"{number:{sign}.{decimals}f}")


def _signed(text: str) -> str:
    """With a minus sign that is as wide as a plus; nothing is `-0.0`."""
    return text.replace("-", "−") if text.strip("+-0.") else text.lstrip("+-")


def _significant(dollars: float) -> str:
    """Three digits that count, never in the form 1e-05."""
    decimals = 2
    while round(dollars, decimals) < 10.0 ** (2 - decimals) and decimals < 9:
        decimals += 1
    return f"{dollars:.{decimals}f}"
