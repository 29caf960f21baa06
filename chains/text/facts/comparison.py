"""Which facts of one text another text doesn't hold."""

from collections.abc import Collection
from functools import cached_property

from chains.text.facts.dates import Parts, date_numbers, date_readings, subsets
from chains.text.facts.fact import Fact, FactKind, fold_digits
from chains.text.facts.finding import Findings
from chains.text.facts.literals import (
    code_key,
    placeholder_key,
    placeholder_spans,
    url_key,
    url_spans,
)
from chains.text.facts.names import long_names, name_words, words_of
from chains.text.facts.numbers import LONGEST_SPELLED, Quantity, decimal_mark, quantities, spelled_out

__all__ = ["Told", "missing"]

_MOST_LOOKS = 100


def missing(of: "str | Told", within: "str | Told", kinds: Collection[FactKind] = tuple(FactKind)) -> list[Fact]:
    """The facts of `of` that `within` doesn't hold, in their order, each mention by itself.

    A fact that is told once is held, however often `of` tells it: texts are compared as sets, since a shorter text
    repeats less. Facts are compared by what they mean, and a fact is missing only where that is certain:

    - numbers by value: `1,000` is `1000`; `1.000` is 1000 or 1 unless other numbers of its text show the decimal mark;
      `5` may be spelled out in English or German; percent and currencies differ only where both texts name one.
    - dates by their parts: `3 May 2024` is held by `2024-05-03` and by `Friday, 3.5.2024`, but not by `3 May`.
    - names by their words in any order, without titles, in any case, or by their acronym.
    - addresses, placeholders and code to the letter, but for the white space and the host's case.
    """
    told, held = _told(of), _told(within)
    kept: dict[tuple[FactKind, str], bool] = {}
    lost = []
    for fact in told.facts(kinds):
        key = fact.kind, fact.text
        if key not in kept:
            kept[key] = held.holds(fact.kind, fact.text, told)
        if not kept[key]:
            lost.append(fact)
    short = held.shortened(told) if any(fact.kind is FactKind.NAME for fact in lost) else frozenset()
    return [fact for fact in lost if fact.kind is not FactKind.NAME or fact.start not in short]


class Told:
    """What a text tells, ready to be asked: what takes the time of the whole text is found out when it is asked for,
    and only once, and every further question takes the time of its own length."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found = Findings(text)
        self._written: dict[FactKind, frozenset[str]] = {}
        self._looks = 0

    def facts(self, kinds: Collection[FactKind] = tuple(FactKind)) -> list[Fact]:
        return self._found.facts(kinds)

    def holds(self, kind: FactKind, text: str, of: "Told") -> bool:
        """Whether it tells a fact of another text."""
        match kind:
            case FactKind.NUMBER:
                return self._literally(kind, text) or self._number(fold_digits(text), of)
            case FactKind.DATE:
                return self._literally(kind, text) or self._date(fold_digits(text))
            case FactKind.NAME:  # where names are is the last that a text is searched for
                return self._name(text) or (self._may_write(text) and self._literally(kind, text))
            case FactKind.URL:
                return self._literally(kind, text) or url_key(text) in self._urls
            case FactKind.CODE:
                return self._literally(kind, text) or code_key(text) <= self._code
            case FactKind.PLACEHOLDER:
                return self._literally(kind, text) or placeholder_key(text) in self._placeholders

    def shortened(self, of: "Told") -> frozenset[int]:
        """Where in another text the words of names stand that are held by their acronym."""
        held = (span for span, short in long_names(of._text) if short in self._words)
        return frozenset(place for start, end in held for place in range(start, end))

    def _may_write(self, text: str) -> bool:
        """Whether the text stands there. Each look takes the time of the whole text, if little of it, so there are
        only some; what isn't looked for may stand there."""
        self._looks += 1
        return self._looks > _MOST_LOOKS or text in self._text

    def _literally(self, kind: FactKind, text: str) -> bool:
        if kind not in self._written:
            self._written[kind] = frozenset(self._found.texts(kind))
        return text in self._written[kind]

    def _number(self, text: str, of: "Told") -> bool:
        wanted = quantities(text, of._mark)
        return (
            any(self._has_quantity(quantity) for quantity in wanted)
            or any(quantity.value in self._numbers_of_dates for quantity in wanted)
            or any(len(quantity.value) <= LONGEST_SPELLED and quantity.value in self._spelled for quantity in wanted)
        )

    def _has_quantity(self, wanted: Quantity) -> bool:
        units = self._numbers.get(wanted.value)
        return units is not None and (not wanted.unit or wanted.unit in units or "" in units)

    def _date(self, text: str) -> bool:
        return any(parts in self._dates for parts in date_readings(text))

    def _name(self, text: str) -> bool:
        words = name_words(text)
        return all(self._has_word(word) for word in words) or "".join(words) in self._acronyms

    def _has_word(self, word: str) -> bool:
        """The word, with or without the s of a genitive or a plural."""
        return word in self._words or word + "s" in self._words or (word[-1:] == "s" and word[:-1] in self._words)

    @cached_property
    def _mark(self) -> str | None:
        return decimal_mark(self._found.texts(FactKind.NUMBER))

    @cached_property
    def _numbers(self) -> dict[str, set[str]]:
        """The values that are written in digits, with their units."""
        numbers = {fold_digits(text) for text in self._found.texts(FactKind.NUMBER)}
        mark = decimal_mark(numbers)
        units: dict[str, set[str]] = {}
        for number in numbers:
            for quantity in quantities(number, mark):
                units.setdefault(quantity.value, set()).add(quantity.unit)
        return units

    @cached_property
    def _readings(self) -> list[list[Parts]]:
        return [date_readings(text) for text in {fold_digits(text) for text in self._found.texts(FactKind.DATE)}]

    @cached_property
    def _dates(self) -> frozenset[Parts]:
        return frozenset(part for readings in self._readings for reading in readings for part in subsets(reading))

    @cached_property
    def _numbers_of_dates(self) -> frozenset[str]:
        return frozenset(value for readings in self._readings for value in date_numbers(readings))

    @cached_property
    def _spelled(self) -> set[str]:
        return spelled_out(self._text)

    @cached_property
    def _words(self) -> frozenset[str]:
        return words_of(self._text)

    @cached_property
    def _acronyms(self) -> frozenset[str]:
        return frozenset(short for _, short in long_names(self._text))

    @cached_property
    def _urls(self) -> frozenset[str]:
        return frozenset(url_key(self._text[start:end]) for start, end in url_spans(self._text))

    @cached_property
    def _placeholders(self) -> frozenset[str]:
        return frozenset(placeholder_key(self._text[start:end]) for start, end in placeholder_spans(self._text))

    @cached_property
    def _code(self) -> frozenset[str]:
        return code_key(self._text)


def _told(text: str | Told) -> Told:
    return Told(text) if isinstance(text, str) else text
