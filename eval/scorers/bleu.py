"""BLEU (Papineni et al. 2002), by sacrebleu: sequences of up to four tokens of the output that a reference has."""

from collections.abc import Sequence

import regex

from eval.scorers.chrf import streams
from eval.scorers.extra import library

__all__ = ["bleu", "corpus_bleu"]

_CHINESE = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]")


def bleu(output: str, references: Sequence[str]) -> float:
    """From 0 to 100 for one text, smoothed and up to the longest sequences that it has (`effective_order`).

    Tokens are those of mteval-v13a, and single characters for Chinese and Japanese (sacrebleu's `zh`) where a
    reference holds some. Raises ValueError without a reference, ConfigurationError without the extra.
    """
    if not references:
        raise ValueError("BLEU needs at least one reference")
    metric = library("sacrebleu.metrics").BLEU(effective_order=True, tokenize=_tokenizer([references]))
    return float(metric.sentence_score(output, list(references)).score)


def corpus_bleu(outputs: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """The same over all cases, whose counts are added up: the BLEU of publications. Raises what `bleu` raises, and
    ValueError where the lengths differ."""
    if len(outputs) != len(references) or not all(references):
        raise ValueError(f"Give references for each of the {len(outputs)} outputs")
    if not outputs:
        return 0.0
    metric = library("sacrebleu.metrics").BLEU(tokenize=_tokenizer(references))
    return float(metric.corpus_score(list(outputs), streams(references)).score)


def _tokenizer(references: Sequence[Sequence[str]]) -> str:
    return "zh" if any(_CHINESE.search(text) for own in references for text in own) else "13a"
