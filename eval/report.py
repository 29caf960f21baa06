"""The report of an evaluation: what every form of it (JSON, JUnit XML, Markdown, HTML) shows."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from chains.prompts.lifecycle.evidence import Verdict
from chains.result import Usage
from eval.outcomes import Failure, Source, Variant

__all__ = [
    "Answer",
    "CaseReport",
    "Comparison",
    "Dataset",
    "Flip",
    "MetricComparison",
    "MetricInfo",
    "Report",
    "Score",
    "ThresholdResult",
    "TradeOff",
    "TypeScore",
    "VariantReport",
]


class _Closed(BaseModel):
    """Numbers are finite: JSON has no others, and a report is read back from it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Dataset(_Closed):
    """A folder of cases: its name, `sha256:` and 64 hex digits, and how many of its cases took part."""

    name: str
    digest: str
    cases: int


class MetricInfo(_Closed):
    """What a metric is (`eval.metrics.metric.Metric`): its title, its best and its worst value, and one sentence on
    what is counted. Values between 0 and 1 are shown in percent, their differences in points."""

    name: str
    title: str
    description: str = ""
    best: float = 1.0
    worst: float = 0.0

    @property
    def higher_is_better(self) -> bool:
        return self.best > self.worst

    @property
    def short_title(self) -> str:
        """The title without the range at its end, which the values show."""
        return re.sub(r", -?\d+ (?:or|to) \d+(?:, low)?$", "", self.title)

    @property
    def is_share(self) -> bool:
        return {self.best, self.worst} == {0.0, 1.0}


class Score(_Closed):
    """A metric's value over all cases of one variant, with its interval at 95 %; `cases` are those for which it is
    defined."""

    metric: str
    value: float | None
    lower: float | None = None
    upper: float | None = None
    cases: int


class TypeScore(_Closed):
    """The entities of one type: how many were expected and how many named, and what came of them by type and place."""

    type: str
    expected: int
    named: int
    precision: float
    recall: float
    f1: float


class TradeOff(_Closed):
    """What answering only from a confidence of `threshold` on would give: the share of cases that are answered, and the
    share of wrong ones among these."""

    threshold: float
    coverage: float
    risk: float


class VariantReport(_Closed):
    """One variant: its scores, and what it cost. Times are milliseconds of a case, median and 95th percentile; costs
    are billionths of a US dollar for all cases together, None where its backend has no price. `source` tells whether
    times and costs were measured in this run; `failures` counts its errors by code. `by_type` are the entities of
    extract, `trade_off` what abstaining would buy where confidences are given, from the surest answers on."""

    variant: Variant
    scores: tuple[Score, ...]
    usage: Usage
    cost_nano_usd: int | None
    median_ms: float
    p95_ms: float
    source: Source
    failures: Mapping[str, int] = Field(default_factory=dict)
    judge_agreement: float | None = None
    by_type: tuple[TypeScore, ...] = ()
    trade_off: tuple[TradeOff, ...] = ()


class MetricComparison(_Closed):
    """One metric of two variants, paired by case. `difference` is candidate minus baseline, turned so that higher is
    better, with the interval from `lower` to `upper`; `p_value` is one-sided for worse. `left_out` cases have no value
    on one side. Where it isn't settled, `detectable` is the smallest loss that so many cases can show, and
    `cases_needed` how many would settle it."""

    metric: str
    title: str
    gated: bool
    cases: int
    left_out: int = 0
    baseline: float
    candidate: float
    difference: float
    lower: float
    upper: float
    p_value: float | None = None
    margin: float
    verdict: Literal[Verdict.PASS, Verdict.REGRESSED, Verdict.INCONCLUSIVE]
    method: str
    note: str = ""
    detectable: float | None = None
    cases_needed: int | None = None


class Flip(_Closed):
    """A case whose value of a metric differs between two variants by a tenth of the metric's range or more: the values
    as they are, and both texts."""

    case: str
    metric: str
    is_worse: bool
    baseline: float
    candidate: float
    before: str
    after: str


class Comparison(_Closed):
    """A candidate against a baseline, by the names of the variants: every metric, and each case that flipped, the
    losses first."""

    baseline: str
    candidate: str
    metrics: tuple[MetricComparison, ...]
    flips: tuple[Flip, ...] = ()
    verdict: Literal[Verdict.PASS, Verdict.REGRESSED, Verdict.INCONCLUSIVE]


class ThresholdResult(_Closed):
    """A bound that the suite sets for a variant's score, whatever the baseline has: `at_least` or `at_most`."""

    variant: str
    metric: str
    value: float | None
    at_least: float | None = None
    at_most: float | None = None
    kept: bool


class Answer(_Closed):
    """What one variant made of a case, the first repeat where there are several: the text, the error, each metric's
    value (counts as their ratio), averaged over repeats."""

    variant: str
    text: str
    error: Failure | None = None
    values: Mapping[str, float | None] = Field(default_factory=dict)
    total_ms: int = 0


class CaseReport(_Closed):
    """One case and its answers, in the order of the variants."""

    id: str
    task: str
    language: str | None = None
    hard: str | None = None
    input: str
    params: Mapping[str, JsonValue] = Field(default_factory=dict)
    expected: Mapping[str, JsonValue]
    answers: tuple[Answer, ...]


class Report(_Closed):
    """A whole evaluation. `verdict` is that of all comparisons and thresholds together, None where nothing was
    compared; `metrics` tells what each metric named in it is."""

    suite: str
    created_at: datetime
    copydesk: str
    datasets: tuple[Dataset, ...]
    repeats: int = 1
    variants: tuple[VariantReport, ...]
    comparisons: tuple[Comparison, ...] = ()
    thresholds: tuple[ThresholdResult, ...] = ()
    cases: tuple[CaseReport, ...] = ()
    metrics: tuple[MetricInfo, ...] = ()
    verdict: Verdict | None = None

    def metric(self, name: str) -> MetricInfo:
        """What the metric is; of one that nobody described, its name alone."""
        return next((info for info in self.metrics if info.name == name), MetricInfo(name=name, title=name))
