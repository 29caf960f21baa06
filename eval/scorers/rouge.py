"""ROUGE-1, ROUGE-2 and ROUGE-Lsum: shared words, word pairs and sequences of words (Lin 2004, ACL workshop
"Text Summarization Branches Out"), as the package rouge-score computes them, in any script.

rouge-score's own tokenizer knows ASCII only: two identical Cyrillic texts score 0.0 with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from eval.scorers.extra import library
from eval.scorers.tokens import sentences, words

__all__ = ["KINDS", "Overlap", "rouge"]

KINDS: Mapping[str, str] = MappingProxyType({"rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeLsum": "ROUGE-Lsum"})


@dataclass(frozen=True, slots=True)
class Overlap:
    """Each from 0 to 1. Precision is the share of the output's units that the reference has, recall the reverse."""

    precision: float
    recall: float
    f1: float


class _Words:
    """The tokenizer in the form that rouge-score takes."""

    def tokenize(self, text: str) -> list[str]:
        return words(text)


def rouge(output: str, references: Sequence[str]) -> dict[str, Overlap]:
    """`rouge1`, `rouge2` and `rougeLsum`, each against the reference for which its F1 is best.

    Without a stemmer. An empty text scores 0, also against an empty one. Lines are sentences for ROUGE-Lsum, divided
    further at sentence ends. Raises ValueError where there is no reference, ConfigurationError without the extra.
    """
    if not references:
        raise ValueError("ROUGE needs at least one reference")
    scorer = library("rouge_score.rouge_scorer").RougeScorer(list(KINDS), tokenizer=_Words())
    found = scorer.score_multi([_lines(reference) for reference in references], _lines(output))
    return {kind: _overlap(found[kind]) for kind in KINDS}


def _lines(text: str) -> str:
    return "\n".join(sentences(text))


def _overlap(score: Any) -> Overlap:
    return Overlap(float(score.precision), float(score.recall), float(score.fmeasure))
