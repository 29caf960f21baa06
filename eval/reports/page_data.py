"""The cases as the page's script reads them: one JSON text that may stand in a script element."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from eval.report import Answer, CaseReport, Report
from eval.reports.texts import shortened, visible

__all__ = ["LIMIT", "PageData", "page_data"]

LIMIT = 9_000_000
"""Bytes of the cases, so that a page stays below 10 MB."""
_LENGTHS = (0, 20_000, 8_000, 4_000, 2_000, 1_000, 500, 200)
_DIGITS = 4


class PageData:
    """`text` is the JSON. `length` is what longer texts were cut to, 0 where none was; `left_out` cases had no room."""

    def __init__(self, text: str, length: int, left_out: int) -> None:
        self.text = text
        self.length = length
        self.left_out = left_out


def page_data(report: Report, limit: int = LIMIT) -> PageData:
    """With all texts where they fit, else with the long ones cut, and only then without the last cases that neither
    flipped nor failed."""
    for length in _LENGTHS:
        text = _written(report, report.cases, length)
        if _size(text) <= limit:
            return PageData(text, length, 0)
    kept = _by_weight(report)
    while kept and _size(text) > limit:
        kept = kept[: int(len(kept) * min(0.9, limit / _size(text)))]
        text = _written(report, kept, _LENGTHS[-1])
    return PageData(text, _LENGTHS[-1], len(report.cases) - len(kept))


def _size(text: str) -> int:
    return len(text.encode())


def _by_weight(report: Report) -> list[CaseReport]:
    flipped = {flip.case for comparison in report.comparisons for flip in comparison.flips}
    return sorted(report.cases, key=lambda row: row.id not in flipped and not any(a.error for a in row.answers))


def _written(report: Report, rows: Sequence[CaseReport], length: int) -> str:
    """Nothing in it ends a script element."""
    writer = _Writer(report, length)
    compact = json.dumps(writer.document(rows), separators=(",", ":"), ensure_ascii=False)
    return compact.translate({ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"})


class _Writer:
    """Writes texts cut to `length`, and names of variants and metrics as their numbers."""

    def __init__(self, report: Report, length: int) -> None:
        self._report = report
        self._length = length
        names = [row.variant.name for row in report.variants]
        self._variants = {name: number for number, name in enumerate(names)}
        self._metrics = {info.name: number for number, info in enumerate(report.metrics)}
        self._flips: dict[str, list[list[Any]]] = {}
        for number, comparison in enumerate(report.comparisons):
            for flip in comparison.flips:
                metric = self._metrics.get(flip.metric, -1)
                self._flips.setdefault(flip.case, []).append([number, metric, int(flip.is_worse)])

    def document(self, rows: Sequence[CaseReport]) -> dict[str, Any]:
        return {
            "variants": [visible(name) for name in self._variants],
            "metrics": [
                {"title": visible(info.short_title), "share": info.is_share, "higher": info.higher_is_better}
                for info in self._report.metrics
            ],
            "comparisons": [
                [self._variants.get(one.baseline, -1), self._variants.get(one.candidate, -1)]
                for one in self._report.comparisons
            ],
            "cases": [self._case(row) for row in rows],
        }

    def _case(self, row: CaseReport) -> dict[str, Any]:
        found: dict[str, Any] = {"id": visible(row.id), "t": row.task, "i": self._text(row.input)}
        found |= {"l": visible(row.language)} if row.language else {}
        found |= {"h": visible(row.hard)} if row.hard else {}
        found["p"] = self._pairs(row.params)
        found["e"] = self._pairs(row.expected)
        found["a"] = [self._answer(answer) for answer in row.answers]
        found |= {"f": self._flips[row.id]} if row.id in self._flips else {}
        return found

    def _answer(self, answer: Answer) -> list[Any]:
        error = f"{answer.error.code}: {answer.error.message}" if answer.error else ""
        values = [answer.values.get(name) for name in self._metrics]
        rounded = [None if number is None else round(number, _DIGITS) for number in values]
        variant = self._variants.get(answer.variant, -1)
        text = "" if answer.error else self._text(answer.text)
        return [variant, text, self._text(error), rounded, answer.total_ms]

    def _pairs(self, values: Mapping[str, JsonValue]) -> list[list[Any]]:
        """Of each field its name and its values as texts."""
        return [[visible(name), [self._text(text) for text in _texts(value)]] for name, value in values.items()]

    def _text(self, text: str) -> str:
        return visible(shortened(text, self._length) if self._length else text)


def _texts(value: JsonValue) -> list[str]:
    return [_said(one) for one in value] if isinstance(value, list) else [_said(value)]


def _said(value: JsonValue) -> str:
    """A label or an entity by what it is called, other things as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and set(value) <= {"name", "description"}:
        return ": ".join(str(part) for part in value.values())
    if isinstance(value, Mapping) and {"text", "label"} <= set(value):
        return f"{value['text']} ({value['label']})"
    return json.dumps(value, ensure_ascii=False)
