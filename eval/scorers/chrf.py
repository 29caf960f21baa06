"""chrF (Popović 2015): shared character sequences, by sacrebleu; fit for any script and for short texts."""

from collections.abc import Sequence

from eval.scorers.extra import library

__all__ = ["chrf", "corpus_chrf"]


def chrf(output: str, references: Sequence[str]) -> float:
    """From 0 to 100: chrF2 with sequences of up to 6 characters, against the reference for which it is best.

    An empty text scores 0, also against an empty one. Raises ValueError without a reference, ConfigurationError
    without the extra.
    """
    if not references:
        raise ValueError("chrF needs at least one reference")
    return float(library("sacrebleu.metrics").CHRF().sentence_score(output, list(references)).score)


def corpus_chrf(outputs: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """The same over all cases, whose counts are added up. Raises what `chrf` raises, and ValueError where the lengths
    differ."""
    if len(outputs) != len(references) or not all(references):
        raise ValueError(f"Give references for each of the {len(outputs)} outputs")
    if not outputs:
        return 0.0
    return float(library("sacrebleu.metrics").CHRF().corpus_score(list(outputs), streams(references)).score)


def streams(references: Sequence[Sequence[str]]) -> list[list[str | None]]:
    """References as sacrebleu takes them: the first ones of all cases, the second ones, and so on; None where a case
    has no further one."""
    most = max(map(len, references), default=0)
    return [[own[number] if number < len(own) else None for own in references] for number in range(most)]
