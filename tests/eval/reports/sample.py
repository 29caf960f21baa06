"""A realistic report, made from a seed: what an evaluation of two to several variants on short texts comes to."""

import math
import random
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from chains.prompts.lifecycle.evidence import Verdict
from chains.result import Usage
from eval.outcomes import Failure, Source, Variant
from eval.report import (
    Answer,
    CaseReport,
    Comparison,
    Dataset,
    Flip,
    MetricComparison,
    MetricInfo,
    Report,
    Score,
    ThresholdResult,
    VariantReport,
)

__all__ = ["sample_report"]

TEXTS = {
    "en": (
        "The council of Marlow approved the new footbridge by 9 votes to 4 on Tuesday. Work begins in March and "
        "costs 2.4 million pounds.",
        "Heavy rain closed the line between Leeds and York. Trains run again from Thursday, but not before 6 a.m.",
    ),
    "de": (
        "Die Stadtwerke Lübeck senken den Gaspreis zum 1. April um 7,5 Prozent. Für Kunden mit Altverträgen gilt "
        "das nicht.",
        "Der Zug nach Görlitz fährt wegen Bauarbeiten bis Freitag nicht. Ersatzbusse halten vor dem Bahnhof.",
    ),
    "zh": (
        "市政府周三批准了新图书馆的建设计划，预算为三千二百万元，明年五月开工。",
        "由于大雨，三号线今天停运，明天早上六点恢复。",
    ),
    "ar": (
        "وافق المجلس البلدي يوم الثلاثاء على بناء مكتبة جديدة بتكلفة 12 مليون درهم.",
        "لم توافق الوزارة على رفع أسعار الوقود هذا العام.",
    ),
    "ja": (
        "市議会は火曜日、新しい橋の建設を9対4で可決した。工事は3月に始まる。",
        "大雨のため3号線は本日運休し、明朝6時に再開する。",
    ),
}
HARD = (None, None, "negation", "number", "diacritics", "emoji", "instruction", "long")
LABELS = ("complaint", "praise", "question", "cancellation", "other")
METRICS = {
    "classify": (
        MetricInfo(name="accuracy", title="Accuracy", description="Cases whose label is the right one."),
        MetricInfo(name="macro_f1", title="Macro F1", description="The mean over the labels of each label's F1."),
        MetricInfo(
            name="brier", title="Brier score", description="Squared error of the confidence.", best=0.0, worst=1.0
        ),
    ),
    "summarize": (
        MetricInfo(name="facts_kept", title="Facts kept", description="Facts of the case that the answer states."),
        MetricInfo(name="rouge_l", title="ROUGE-Lsum", description="Longest common subsequence with the references."),
        MetricInfo(name="length_kept", title="Length kept", description="Answers within the length asked for."),
        MetricInfo(
            name="compression", title="Compression", description="Words of the answer for each of the text.",
            best=0.2, worst=4.0,
        ),
    ),
}  # fmt: skip


def sample_report(
    task: str = "summarize",
    cases: int = 60,
    versions: Sequence[str] = ("1.0.0", "1.1.0"),
    loss: float = 0.0,
    priced: bool = True,
    source: Source = Source.RECORDED,
    seed: int = 7,
    words: int = 1,
) -> Report:
    """`loss` is the share of cases that the second version gets wrong where the first was right; the more `words`, the
    longer the texts. The first version is the baseline of all others."""
    chance = random.Random(seed)
    variants = [_variant(task, version) for version in versions]
    rows = tuple(_case(chance, task, number, variants, loss, words) for number in range(cases))
    comparisons = tuple(_comparison(task, rows, variants[0], other) for other in variants[1:])
    verdicts = {comparison.verdict for comparison in comparisons}
    return Report(
        suite=f"golden-{task}",
        created_at=datetime(2026, 11, 30, 9, 41, 7, tzinfo=UTC),
        copydesk="0.7.0",
        datasets=(Dataset(name=f"eval/datasets/{task}", digest="sha256:" + "4f" * 32, cases=cases),),
        variants=tuple(
            _variant_report(task, rows, variant, index, priced, source) for index, variant in enumerate(variants)
        ),
        comparisons=comparisons,
        thresholds=tuple(_thresholds(task, rows, variants)),
        cases=rows,
        metrics=METRICS[task],
        verdict=next((v for v in (Verdict.REGRESSED, Verdict.INCONCLUSIVE, Verdict.PASS) if v in verdicts), None),
    )


def _variant(task: str, version: str) -> Variant:
    return Variant(
        name=f"{task}@{version}",
        task=task,
        version=version,
        digest="sha256:" + f"{sum(version.encode()) % 256:02x}" * 32,
        backend="embedded",
        kind="embedded",
        model="smollm2-135m-instruct-q4",
        model_digest="sha256:" + "9c" * 32,
        parameters={"temperature": 0.0, "max_tokens": 160},
    )


def _case(
    chance: random.Random, task: str, number: int, variants: Sequence[Variant], loss: float, words: int
) -> CaseReport:
    language = list(TEXTS)[number % len(TEXTS)]
    hard = HARD[chance.randrange(len(HARD))]
    text = " ".join(chance.choice(TEXTS[language]) for _ in range(words))
    right = LABELS[chance.randrange(len(LABELS))]
    skill = chance.random()
    answers = []
    for index, variant in enumerate(variants):
        fails = skill > 0.82 or chance.random() < (0.05 + loss if index else 0.03)
        answers.append(_answer(chance, task, variant, text, right, fails, hard))
    labels = [{"name": label} for label in LABELS]
    return CaseReport(
        id=f"{task}-{language}-{number:04d}",
        task=task,
        language=language,
        hard=hard,
        input=text,
        params={"labels": labels} if task == "classify" else {"max_words": 30},
        expected={"labels": [right]}
        if task == "classify"
        else {"references": [TEXTS[language][0]], "facts": ["9", "March"]},
        answers=tuple(answers),
    )


def _answer(
    chance: random.Random, task: str, variant: Variant, text: str, right: str, fails: bool, hard: str | None
) -> Answer:
    total_ms = int(chance.lognormvariate(6.7, 0.4))
    if fails and hard == "long":
        failure = Failure(code="output_invalid", message="The model's answer was cut at 160 tokens.")
        values = {info.name: info.worst for info in METRICS[task]}
        return Answer(variant=variant.name, text="[output_invalid]", error=failure, values=values, total_ms=total_ms)
    if task == "classify":
        label = chance.choice([label for label in LABELS if label != right]) if fails else right
        values = {"accuracy": float(not fails), "macro_f1": float(not fails), "brier": chance.betavariate(2, 8)}
        return Answer(variant=variant.name, text=label, values=values, total_ms=total_ms)
    middle = len(text) // 2
    kept = text[:middle] + "…" if fails else text.replace(" new ", " ").replace("Tuesday", "Tue").replace("。", "，", 1)
    summarized: Mapping[str, float] = {
        "facts_kept": 0.0 if fails else 1.0,
        "rouge_l": chance.betavariate(3 if fails else 7, 4),
        "length_kept": float(chance.random() < 0.9),
        "compression": chance.uniform(0.3, 0.9),
    }
    return Answer(variant=variant.name, text=kept, values=summarized, total_ms=total_ms)


def _values(rows: Sequence[CaseReport], variant: str, metric: str) -> list[float]:
    found = [answer.values[metric] for row in rows for answer in row.answers if answer.variant == variant]
    return [number for number in found if number is not None]


def _comparison(task: str, rows: Sequence[CaseReport], baseline: Variant, candidate: Variant) -> Comparison:
    metrics = tuple(
        _compared(info, index < 2, _values(rows, baseline.name, info.name), _values(rows, candidate.name, info.name))
        for index, info in enumerate(METRICS[task])
    )
    gated = {metric.verdict for metric in metrics if metric.gated}
    order: tuple[Verdict, ...] = (Verdict.REGRESSED, Verdict.INCONCLUSIVE, Verdict.PASS)
    return Comparison.model_validate(
        {
            "baseline": baseline.name,
            "candidate": candidate.name,
            "metrics": metrics,
            "flips": tuple(_flips(METRICS[task][0], rows, baseline.name, candidate.name)),
            "verdict": next(verdict for verdict in order if verdict in gated),
        }
    )


def _compared(info: MetricInfo, gated: bool, before: Sequence[float], after: Sequence[float]) -> MetricComparison:
    turn = 1 if info.higher_is_better else -1
    deltas = [turn * (new - old) for old, new in zip(before, after, strict=True)]
    middle = statistics.fmean(deltas)
    half = 1.96 * statistics.pstdev(deltas) / math.sqrt(len(deltas))
    margin = 0.1 if info.is_share else 0.5
    passed, lost = middle - half > -margin, middle + half < 0
    verdict = Verdict.PASS if passed else Verdict.REGRESSED if lost else Verdict.INCONCLUSIVE
    return MetricComparison.model_validate(
        {
            "metric": info.name,
            "title": info.title,
            "gated": gated,
            "cases": len(deltas),
            "baseline": statistics.fmean(before),
            "candidate": statistics.fmean(after),
            "difference": middle,
            "lower": middle - half,
            "upper": middle + half,
            "p_value": 0.031,
            "margin": margin,
            "verdict": verdict,
            "method": "McNemar, exact" if info.name == "accuracy" else "paired BCa bootstrap",
            "note": "Worse, within the margin." if passed and lost else "",
            "detectable": 0.113 if verdict is Verdict.INCONCLUSIVE else None,
            "cases_needed": 184 if verdict is Verdict.INCONCLUSIVE else None,
        }
    )


def _flips(info: MetricInfo, rows: Sequence[CaseReport], baseline: str, candidate: str) -> list[Flip]:
    found = []
    for row in rows:
        old, new = (next(answer for answer in row.answers if answer.variant == name) for name in (baseline, candidate))
        before, after = old.values[info.name], new.values[info.name]
        if before is not None and after is not None and before != after:
            found.append(
                Flip(
                    case=row.id,
                    metric=info.name,
                    is_worse=after < before,
                    baseline=before,
                    candidate=after,
                    before=old.text,
                    after=new.text,
                )
            )
    return sorted(found, key=lambda flip: not flip.is_worse)


def _variant_report(
    task: str, rows: Sequence[CaseReport], variant: Variant, index: int, priced: bool, source: Source
) -> VariantReport:
    answers = [answer for row in rows for answer in row.answers if answer.variant == variant.name]
    times = sorted(answer.total_ms for answer in answers)
    codes = [answer.error.code for answer in answers if answer.error]
    return VariantReport(
        variant=variant,
        scores=tuple(_score(info, _values(rows, variant.name, info.name)) for info in METRICS[task]),
        usage=Usage(
            input_tokens=len(rows) * (212 + 31 * index),
            output_tokens=len(rows) * (38 - 2 * index),
            model_calls=len(rows),
        ),
        cost_nano_usd=len(rows) * (41_200 + 5_900 * index) if priced else None,
        median_ms=statistics.median(times) + 40 * index,
        p95_ms=times[int(len(times) * 0.95)],
        source=source,
        failures={code: codes.count(code) for code in sorted(set(codes))},
    )


def _score(info: MetricInfo, values: Sequence[float]) -> Score:
    middle = statistics.fmean(values)
    half = 1.96 * statistics.pstdev(values) / math.sqrt(len(values))
    return Score(metric=info.name, value=middle, lower=middle - half, upper=middle + half, cases=len(values))


def _thresholds(task: str, rows: Sequence[CaseReport], variants: Sequence[Variant]) -> list[ThresholdResult]:
    info = METRICS[task][0]
    means = [(variant.name, statistics.fmean(_values(rows, variant.name, info.name))) for variant in variants]
    return [
        ThresholdResult(variant=name, metric=info.name, value=mean, at_least=0.7, kept=mean >= 0.7)
        for name, mean in means
    ]
