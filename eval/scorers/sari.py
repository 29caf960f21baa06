"""SARI (Xu et al. 2016, TACL 4:401-415): what a rewriting keeps, deletes and adds, against source and references.

As in the authors' own SARI.py (github.com/cocoxu/simplification), whose published values the tests hold: F1 of the
kept and of the added, precision of the deleted sequences of one to four tokens, and 0 where nothing is to be counted.
Other implementations differ: that of Hugging Face counts 0/0 as 1 and adds up what is kept instead of averaging it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eval.scorers.tokens import pieces

__all__ = ["Sari", "sari"]

_LONGEST = 4
Grams = Counter[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Sari:
    """Each from 0 to 100; `score` is the mean of the three."""

    score: float
    keep: float
    delete: float
    add: float


def sari(
    source: str, output: str, references: Sequence[str], tokenize: Callable[[str], Sequence[str]] = pieces
) -> Sari:
    """Score one rewriting. Of several texts take the mean. Raises ValueError without a reference."""
    if not references:
        raise ValueError("SARI needs at least one reference")
    tokens, out = tokenize(source), tokenize(output)
    wanted = [tokenize(reference) for reference in references]
    parts = []
    for length in range(1, _LONGEST + 1):
        many = len(references)
        before, after = _times(_grams(tokens, length), many), _times(_grams(out, length), many)
        right = sum((_grams(own, length) for own in wanted), Counter())
        parts.append((_kept(before, after, right), _deleted(before, after, right), _added(before, after, right)))
    keep, delete, add = (100 * sum(column) / _LONGEST for column in zip(*parts, strict=True))
    return Sari((keep + delete + add) / 3, keep, delete, add)


def _kept(before: Grams, after: Grams, right: Grams) -> float:
    kept, worth_keeping = before & after, before & right
    good = kept & right
    return _f1(_mean_share(good, kept), _mean_share(good, worth_keeping))


def _deleted(before: Grams, after: Grams, right: Grams) -> float:
    deleted = before - after
    return _mean_share(deleted - right, deleted)


def _added(before: Grams, after: Grams, right: Grams) -> float:
    """Added sequences count once each, however often they stand."""
    added, worth_adding = set(after) - set(before), set(right) - set(before)
    good = len(added & worth_adding)
    return _f1(good / len(added) if added else 0.0, good / len(worth_adding) if worth_adding else 0.0)


def _mean_share(some: Grams, of: Grams) -> float:
    """The mean, over the distinct sequences of `of`, of the share that `some` has of each."""
    return sum(some[gram] / count for gram, count in of.items()) / len(of) if of else 0.0


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _grams(tokens: Sequence[str], length: int) -> Grams:
    return Counter(tuple(tokens[start : start + length]) for start in range(len(tokens) - length + 1))


def _times(grams: Grams, factor: int) -> Grams:
    """As often as there are references, so that counts compare with those of all references together."""
    return Counter({gram: count * factor for gram, count in grams.items()})
