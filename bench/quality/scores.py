"""The columns of each task's tables: what the scorers of `eval` say of predictions, averaged over cases."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.quality.table import Figure
from chains.text.facts import FactKind
from eval.scorers.chrf import chrf
from eval.scorers.classification import label_scores, label_set_scores
from eval.scorers.compliance import compliance
from eval.scorers.confidence import area_under_risk, brier, calibration_error, risk_curve
from eval.scorers.entities import Span, entity_scores, offset_validity
from eval.scorers.language import language_kept
from eval.scorers.preservation import FIGURES, NAMES, held, is_copy, length_ratio, negation_kept
from eval.scorers.rouge import rouge
from eval.scorers.sari import sari

__all__ = [
    "Found",
    "confidence_figures",
    "entity_figures",
    "label_figures",
    "label_set_figures",
    "mean",
    "rewrite_figures",
    "summary_figures",
]


def mean(values: Iterable[float | None]) -> float | None:
    """Over the values that are defined; None where none is."""
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None


def label_figures(expected: Sequence[str], given: Sequence[str | None]) -> dict[str, Figure]:
    scores = label_scores(expected, given)
    return {
        "accuracy": scores.accuracy,
        "macro F1": scores.macro_f1,
        "MCC": scores.mcc,
        "invalid": scores.invalid,
    }


def label_set_figures(expected: Sequence[Collection[str]], given: Sequence[Collection[str]]) -> dict[str, Figure]:
    scores = label_set_scores(expected, given)
    return {"micro F1": scores.micro_f1, "macro F1": scores.macro_f1, "exact match": scores.exact_match}


def confidence_figures(confidences: Sequence[float], right: Sequence[bool]) -> dict[str, Figure]:
    """ECE over ten bins, of equal mass and of equal width."""
    return {
        "Brier": brier(confidences, right),
        "ECE, equal mass": calibration_error(confidences, right, binning="equal_mass"),
        "ECE, equal width": calibration_error(confidences, right, binning="equal_width"),
        "area under risk": area_under_risk(risk_curve(confidences, right)),
    }


@dataclass(frozen=True, slots=True)
class Found:
    """What was given as entities: spans in code points, texts with types that the source doesn't hold, and, where
    offsets were given, each text with its offset and length."""

    entities: list[Span] = field(default_factory=list)
    ungrounded: list[tuple[str, str]] = field(default_factory=list)
    placed: list[tuple[str, int, int]] = field(default_factory=list)


def entity_figures(
    sources: Sequence[str], expected: Sequence[Sequence[Span]], found: Sequence[Found]
) -> dict[str, Figure]:
    """Micro-averaged. What the source doesn't hold was given as an entity too, so it counts as a wrong one."""
    placed = [one.placed for one in found]
    valid = (offset_validity(source, own, "unicode") for source, own in zip(sources, placed, strict=True))
    spans = [[*one.entities, *map(_outside, range(len(one.ungrounded)), one.ungrounded)] for one in found]
    scores = entity_scores(expected, spans).micro
    named = sum(map(len, spans))
    return {
        "strict F1": scores["strict"].f1,
        "precision": scores["strict"].precision,
        "recall": scores["strict"].recall,
        "exact F1": scores["exact"].f1,
        "partial F1": scores["partial"].f1,
        "type F1": scores["type"].f1,
        "named": named,
        "ungrounded": sum(len(one.ungrounded) for one in found),
        "offsets valid": mean(valid),
    }


def summary_figures(
    sources: Sequence[str], references: Sequence[Sequence[str]], summaries: Sequence[str], max_words: int | None
) -> dict[str, Figure]:
    """Means over the cases for which a figure is defined. `numbers` and `names` are the shares that the source has."""
    overlaps = [rouge(summary, own) for summary, own in zip(summaries, references, strict=True)]
    kept = [compliance(source, summary, max_words) for source, summary in zip(sources, summaries, strict=True)]
    return {
        "ROUGE-1": mean(one["rouge1"].f1 for one in overlaps),
        "ROUGE-2": mean(one["rouge2"].f1 for one in overlaps),
        "ROUGE-Lsum": mean(one["rougeLsum"].f1 for one in overlaps),
        "within max_words": mean(one.within_length for one in kept),
        "numbers": mean(one.figure_precision for one in kept),
        "names": mean(one.name_precision for one in kept),
        "compression": mean(one.compression for one in kept),
    }


def rewrite_figures(
    sources: Sequence[str], references: Sequence[Sequence[str]], outputs: Sequence[str]
) -> dict[str, Figure]:
    """chrF and SARI as means over cases; the shares of all numbers and dates, and of all names, that were kept."""
    pairs = list(zip(sources, outputs, strict=True))
    return {
        "chrF": mean(chrf(output, own) for output, own in zip(outputs, references, strict=True)),
        "SARI": mean(sari(source, output, own).score for (source, output), own in zip(pairs, references, strict=True)),
        "numbers kept": _share_kept(pairs, FIGURES),
        "names kept": _share_kept(pairs, NAMES),
        "negation kept": mean(negation_kept(source, output) for source, output in pairs),
        "language kept": mean(language_kept(source, output) for source, output in pairs),
        "copies": mean(is_copy(source, output) for source, output in pairs),
        "length ratio": mean(length_ratio(source, output) for source, output in pairs),
    }


def _share_kept(pairs: Sequence[tuple[str, str]], kinds: Collection[FactKind]) -> float | None:
    counted = [held(source, output, kinds) for source, output in pairs]
    of = sum(one.of for one in counted)
    return sum(one.held for one in counted) / of if of else None


def _outside(number: int, entity: tuple[str, Any]) -> Span:
    """A place that no text has, so that it matches nothing."""
    start = 1 << 40 | number << 1
    return Span(entity[1], start, start + 1)
