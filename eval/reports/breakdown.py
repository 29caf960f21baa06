"""Where variants differ: by language, by what makes cases hard, and which label was given for which."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from eval.report import Answer, CaseReport, TradeOff

__all__ = ["Confusion", "Group", "confusions", "groups", "steps"]

INVALID = "INVALID"
OTHERS = "other labels"
_LABELS = 16
_COVERAGES = (0.25, 0.5, 0.75, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Group:
    """Cases that have something in common: for each variant the mean of their values, None where there is none."""

    name: str
    cases: int
    means: Mapping[str, float | None]


def groups(rows: Sequence[CaseReport], metric: str, of: Callable[[CaseReport], str | None]) -> list[Group]:
    """By what `of` says of a case, those without it last; empty where all cases are alike."""
    found: dict[str, list[CaseReport]] = {}
    for row in rows:
        found.setdefault(of(row) or "", []).append(row)
    if len(found) < 2:
        return []
    names = sorted(found, key=lambda name: (not name, name))
    return [Group(name or "none", len(found[name]), _means(found[name], metric)) for name in names]


def _means(rows: Sequence[CaseReport], metric: str) -> dict[str, float | None]:
    values: dict[str, list[float]] = {}
    for row in rows:
        for answer in row.answers:
            kept = values.setdefault(answer.variant, [])
            number = answer.values.get(metric)
            if number is not None:
                kept.append(number)
    return {variant: statistics.fmean(found) if found else None for variant, found in values.items()}


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often which label was given for which right one: a row for each right label, in the order of `given`."""

    variant: str
    given: Sequence[str]
    rows: Sequence[tuple[str, Sequence[int]]]
    left_out: int


def confusions(rows: Sequence[CaseReport], variants: Sequence[str]) -> list[Confusion]:
    """One for each variant, all with the same labels, of the cases with one right label; `left_out` are the others. An
    answer that is none of the labels offered, or several, or none, is INVALID. The rarest of many labels are taken
    together. Empty where no case has one right label.
    """
    counts: dict[str, Counter[tuple[str, str]]] = {variant: Counter() for variant in variants}
    left_out: Counter[str] = Counter()
    for row in rows:
        right = _right(row)
        for answer in row.answers:
            if answer.variant in counts and right is not None:
                counts[answer.variant][right, _given(row, answer)] += 1
            else:
                left_out[answer.variant] += 1
    names = _names(counts.values())
    matrices = {variant: list(_rows(found, names)) for variant, found in counts.items()}
    return [Confusion(name, [*names, INVALID], found, left_out[name]) for name, found in matrices.items() if found]


def _right(row: CaseReport) -> str | None:
    labels = row.expected.get("labels")
    return str(labels[0]) if isinstance(labels, Sequence) and len(labels) == 1 else None


def _given(row: CaseReport, answer: Answer) -> str:
    offered = row.params.get("labels")
    labels = offered if isinstance(offered, list) else []
    names = {str(label.get("name")) for label in labels if isinstance(label, Mapping)}
    return answer.text if answer.error is None and (answer.text in names or not names) else INVALID


def _names(found: Iterable[Counter[tuple[str, str]]]) -> list[str]:
    """The labels, the most frequent ones only where there are many, and then what stands for the others."""
    seen: Counter[str] = Counter()
    for counts in found:
        for (right, given), number in counts.items():
            seen[right] += number
            seen[given] += 0
    names = [name for name, _ in seen.most_common() if name != INVALID]
    return sorted(names) if len(names) <= _LABELS else [*sorted(names[: _LABELS - 1]), OTHERS]


def _rows(counts: Counter[tuple[str, str]], names: Sequence[str]) -> Iterator[tuple[str, Sequence[int]]]:
    def place(label: str) -> str:
        return label if label in names or label == INVALID else OTHERS

    merged = Counter[tuple[str, str]]()
    for (right, given), number in counts.items():
        merged[place(right), place(given)] += number
    for right in names:
        row = [merged[right, given] for given in (*names, INVALID)]
        if any(row):
            yield right, row


def steps(points: Sequence[TradeOff]) -> list[TradeOff]:
    """Those of the points that come nearest to answering a quarter, half, three quarters, nine tenths and all."""
    nearest = [min(points, key=lambda point: abs(point.coverage - wanted)) for wanted in _COVERAGES] if points else []
    return list(dict.fromkeys(nearest))
