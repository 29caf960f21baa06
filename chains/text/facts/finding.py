"""All facts of one text."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from chains.text.facts.dates import date_spans
from chains.text.facts.fact import Fact, FactKind, fold_digits
from chains.text.facts.literals import code_spans, identifier_spans, placeholder_spans, url_spans
from chains.text.facts.names import name_spans
from chains.text.facts.numbers import number_spans

__all__ = ["facts"]

Span = tuple[int, int]
Finder = Callable[[str], Iterator[Span]]

# What was found is taken away from those that come after it: no word, but no end of a sentence either.
_TAKEN = "\ue000"
_IN_TURN: Sequence[tuple[FactKind, Finder]] = (
    (FactKind.CODE, code_spans),
    (FactKind.URL, url_spans),
    (FactKind.PLACEHOLDER, placeholder_spans),
    (FactKind.CODE, identifier_spans),
    (FactKind.DATE, date_spans),
    (FactKind.NUMBER, number_spans),
    (FactKind.NAME, name_spans),
)


def facts(text: str) -> list[Fact]:
    """The facts of a text, in its order; no two overlap.

    Numbers are those in digits (of any script), with their scale, percent and currency: `2.4 million euros`. Small
    numbers that are spelled out are no facts of their own. Names are what case tells for certain: see `names`.
    """
    found: list[Fact] = []
    left = fold_digits(text)
    for kind, finder in _IN_TURN:
        spans = _apart(finder(left))
        found += (Fact(kind, text[start:end], start, end) for start, end in spans)
        left = _without(left, spans)
    return sorted(found, key=lambda fact: fact.start)


def _apart(spans: Iterable[Span]) -> list[Span]:
    """In order, and without those that begin in another one."""
    kept: list[Span] = []
    for start, end in sorted(spans):
        if not kept or start >= kept[-1][1]:
            kept.append((start, end))
    return kept


def _without(text: str, spans: Sequence[Span]) -> str:
    pieces: list[str] = []
    at = 0
    for start, end in spans:
        pieces += (text[at:start], _TAKEN * (end - start))
        at = end
    return "".join((*pieces, text[at:]))
