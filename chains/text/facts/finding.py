"""All facts of one text, or those of some kinds."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from chains.text.facts.dates import date_spans
from chains.text.facts.fact import Fact, FactKind, fold_digits
from chains.text.facts.literals import code_spans, identifier_spans, placeholder_spans, url_spans
from chains.text.facts.names import name_spans
from chains.text.facts.numbers import number_spans

__all__ = ["Findings", "facts"]

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


# With the turn of each kind nothing of it is left.
_LAST_TURN = {kind: turn for turn, (kind, _) in enumerate(_IN_TURN, 1)}


def facts(text: str) -> list[Fact]:
    """The facts of a text, in its order; no two overlap.

    Numbers are those in digits (of any script), with their scale, percent and currency: `2.4 million euros`. Small
    numbers that are spelled out are no facts of their own. Names are what case tells for certain: see `names`.
    """
    return Findings(text).facts()


class Findings:
    """The facts of one text. They are looked for when they are asked for, and only once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._left = fold_digits(text)
        self._turn = 0
        self._spans: dict[FactKind, list[Span]] = {kind: [] for kind in _LAST_TURN}

    def facts(self, kinds: Collection[FactKind] = tuple(FactKind)) -> list[Fact]:
        """Those of some kinds, in the order of the text."""
        spans = sorted((start, end, kind) for kind in kinds for start, end in self.spans(kind))
        return [Fact(kind, self.text[start:end], start, end) for start, end, kind in spans]

    def texts(self, kind: FactKind) -> list[str]:
        """How those of one kind are written."""
        return [self.text[start:end] for start, end in self.spans(kind)]

    def spans(self, kind: FactKind) -> list[Span]:
        while self._turn < _LAST_TURN[kind]:
            found, finder = _IN_TURN[self._turn]
            spans = _apart(finder(self._left))
            self._spans[found] += spans
            self._left = _without(self._left, spans)
            self._turn += 1
        return self._spans[kind]


def _apart(spans: Iterable[Span]) -> list[Span]:
    """In order, and without those that begin in another one."""
    kept: list[Span] = []
    for start, end in sorted(spans):
        if not kept or start >= kept[-1][1]:
            kept.append((start, end))
    return kept


def _without(text: str, spans: Sequence[Span]) -> str:
    if not spans:
        return text
    pieces: list[str] = []
    at = 0
    for start, end in spans:
        pieces += (text[at:start], _TAKEN * (end - start))
        at = end
    return "".join((*pieces, text[at:]))
