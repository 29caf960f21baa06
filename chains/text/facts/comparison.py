"""Which facts of one text another text doesn't hold."""

from collections.abc import Callable, Collection, Sequence

from chains.text.facts.dates import Parts, date_numbers, date_readings, subsets
from chains.text.facts.fact import Fact, FactKind, fold_digits
from chains.text.facts.finding import facts
from chains.text.facts.literals import (
    code_key,
    placeholder_key,
    placeholder_spans,
    url_key,
    url_spans,
)
from chains.text.facts.names import long_names, name_words, words_of
from chains.text.facts.numbers import decimal_mark, quantities, spelled_out

__all__ = ["missing"]


def missing(of: str, within: str, kinds: Collection[FactKind] = tuple(FactKind)) -> list[Fact]:
    """The facts of `of` that `within` doesn't hold, in their order, each mention by itself.

    A fact that is told once is held, however often `of` tells it: texts are compared as sets, since a shorter text
    repeats less. Facts are compared by what they mean, and a fact is missing only where that is certain:

    - numbers by value: `1,000` is `1000`; `1.000` is 1000 or 1 unless other numbers of its text show the decimal mark;
      `5` may be spelled out in English or German; percent and currencies differ only where both texts name one.
    - dates by their parts: `3 May 2024` is held by `2024-05-03` and by `Friday, 3.5.2024`, but not by `3 May`.
    - names by their words in any order, without titles, in any case, or by their acronym.
    - addresses, placeholders and code to the letter, but for the white space and the host's case.
    """
    held = _Held(within)
    found = facts(of)
    mark = decimal_mark(fact.text for fact in found if fact.kind is FactKind.NUMBER)
    kept: dict[tuple[FactKind, str], bool] = {}
    tests: dict[FactKind, Callable[[str], bool]] = {
        FactKind.NUMBER: lambda text: held.number(fold_digits(text), mark),
        FactKind.DATE: lambda text: held.date(fold_digits(text)),
        FactKind.NAME: held.name,
        FactKind.URL: held.url,
        FactKind.CODE: held.code,
        FactKind.PLACEHOLDER: held.placeholder,
    }
    for kind, text in {(fact.kind, fact.text) for fact in found if fact.kind in kinds}:
        kept[kind, text] = held.literally(kind, text) or tests[kind](text)
    lost = [fact for fact in found if not kept.get((fact.kind, fact.text), True)]
    short = held.shortened(of) if any(fact.kind is FactKind.NAME for fact in lost) else frozenset()
    return [fact for fact in lost if fact.kind is not FactKind.NAME or fact.start not in short]


class _Held:
    """What a text holds, ready to be asked: each question takes the time of its own length."""

    def __init__(self, text: str) -> None:
        found = facts(text)
        self._literally = {(fact.kind, fact.text) for fact in found}
        self._numbers: dict[str, set[str]] = {}
        self._dates: set[Parts] = set()
        self._words = frozenset(words_of(text))
        self._acronyms = frozenset(short for _, short in long_names(text))
        self._urls = {url_key(text[start:end]) for start, end in url_spans(text)}
        self._placeholders = {placeholder_key(text[start:end]) for start, end in placeholder_spans(text)}
        self._code = code_key(text)
        self._hold_numbers(text, found)
        self._hold_dates(found)

    def literally(self, kind: FactKind, text: str) -> bool:
        return (kind, text) in self._literally

    def number(self, text: str, mark: str | None) -> bool:
        wanted = quantities(text, mark)
        return any(
            not quantity.unit or not units or quantity.unit in units or "" in units
            for quantity in wanted
            if (units := self._numbers.get(quantity.value)) is not None
        )

    def date(self, text: str) -> bool:
        return any(parts in self._dates for parts in date_readings(text))

    def name(self, text: str) -> bool:
        words = name_words(text)
        return all(self._has_word(word) for word in words) or "".join(words) in self._acronyms

    def shortened(self, text: str) -> frozenset[int]:
        """Where in another text the words of names stand that are held by their acronym."""
        held = (span for span, short in long_names(text) if short in self._words)
        return frozenset(place for start, end in held for place in range(start, end))

    def url(self, text: str) -> bool:
        return url_key(text) in self._urls

    def code(self, text: str) -> bool:
        return code_key(text) <= self._code

    def placeholder(self, text: str) -> bool:
        return placeholder_key(text) in self._placeholders

    def _has_word(self, word: str) -> bool:
        """The word, with or without the s of a genitive or a plural."""
        return word in self._words or word + "s" in self._words or (word[-1:] == "s" and word[:-1] in self._words)

    def _hold_numbers(self, text: str, found: Sequence[Fact]) -> None:
        numbers = [fold_digits(fact.text) for fact in _of(found, FactKind.NUMBER)]
        mark = decimal_mark(numbers)
        for number in set(numbers):
            for quantity in quantities(number, mark):
                self._numbers.setdefault(quantity.value, set()).add(quantity.unit)
        for value in spelled_out(text):
            self._numbers.setdefault(value, set()).add("")

    def _hold_dates(self, found: Sequence[Fact]) -> None:
        for text in {fold_digits(fact.text) for fact in _of(found, FactKind.DATE)}:
            readings = date_readings(text)
            for reading in readings:
                self._dates.update(subsets(reading))
            for value in date_numbers(readings):
                self._numbers.setdefault(value, set()).add("")


def _of(found: Sequence[Fact], kind: FactKind) -> list[Fact]:
    return [fact for fact in found if fact.kind is kind]
