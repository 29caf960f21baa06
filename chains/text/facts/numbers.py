"""Numbers written in digits: what they are, and which of them are the same."""

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

import regex

from chains.text.facts.fact import fold_case
from chains.text.facts.places import near

__all__ = ["LONGEST_SPELLED", "Quantity", "decimal_mark", "number_spans", "quantities", "spelled_out"]


class Quantity(NamedTuple):
    """One reading of a number: its canonical value, and `%`, a currency or nothing."""

    value: str
    unit: str


_SCALES = {
    "hundred": 2, "hundert": 2, "thousand": 3, "tausend": 3, "k": 3, "千": 3, "万": 4, "萬": 4, "million": 6,
    "millions": 6, "millionen": 6, "mio": 6, "mn": 6, "m": 6, "亿": 8, "億": 8, "billion": 9, "billions": 9, "bn": 9,
    "milliarde": 9, "milliarden": 9, "mrd": 9,
}  # fmt: skip
_UNITS = {
    "%": "%", "percent": "%", "per cent": "%", "prozent": "%", "pour cent": "%", "por ciento": "%",
    "$": "USD", "usd": "USD", "dollar": "USD", "dollars": "USD", "us$": "USD",
    "€": "EUR", "eur": "EUR", "euro": "EUR", "euros": "EUR",
    "£": "GBP", "gbp": "GBP", "pound": "GBP", "pounds": "GBP",
    "¥": "JPY", "jpy": "JPY", "yen": "JPY", "chf": "CHF", "franken": "CHF", "元": "CNY", "円": "JPY",
    "₹": "INR", "inr": "INR",
}  # fmt: skip
_NUMBER = regex.compile(
    r"""(?xi)
    (?P<before>(?:us)?\$|[€£¥₹]\ ?|(?<![\p{L}\p{N}_])(?:USD|EUR|GBP|CHF|JPY|INR)\ ?)?+
    (?:(?P<sign>(?<![\p{Lu}\p{Ll}\p{N}_)\]\ue000]) -|(?<![\p{L}])minus\ )?+ (?<![\p{Lu}\p{Ll}\p{N}_]) )
    (?P<digits>\d{1,3}(?:[\ \u00a0\u202f\u2009'’]\d{3}(?!\d))++(?:[.,]\d++)?|\d++(?:[.,]\d++)*+)
    (?:(?:st|nd|rd|th|k|m|bn|mn)(?![\p{L}\p{N}_]))?+
    (?:[\ \u00a0-]?(?P<scale>hundred|hundert|thousand|tausend|millions?|millionen|mio|billions?|milliarden?|mrd)
       (?![\p{L}\p{N}_])\.?+|(?P<cjk>[千万萬亿億]))?+
    (?:[\ \u00a0\u202f-]?(?P<after>[%€$£¥元円]|(?:per\ ?cent|prozent|pour\ cent|por\ ciento|euros?|eur|usd|gbp|chf|jpy
       |inr|dollars?|pounds?|yen|franken)(?![\p{L}\p{N}_])))?+
    """
)
_DIGIT = re.compile("[0-9]")
_FARTHEST_DIGIT = len("USD minus ")
_ATTACHED = regex.compile(r"(?i)\d(k|m|bn|mn)\b")
_GROUPING = regex.compile(r"[ \u00a0\u202f\u2009'’]")
_LONGEST = 40
_SPELLED = {
    name: value
    for names in (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen",
        "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn "
        "siebzehn achtzehn neunzehn",
        "zeroth first second third fourth fifth sixth seventh eighth ninth tenth",
    )
    for value, name in enumerate(names.split())
}
_TENS = {
    name: value
    for names in (
        "twenty thirty forty fifty sixty seventy eighty ninety",
        "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
    )
    for value, name in zip(range(20, 100, 10), names.split(), strict=True)
}
_OTHER = {"hundred": 100, "hundert": 100, "thousand": 1000, "tausend": 1000, "dozen": 12, "dutzend": 12, "ein": 1,
          "eine": 1, "einen": 1, "einem": 1, "einer": 1, "dreissig": 30}  # fmt: skip
_NAMED = {name.casefold(): value for name, value in (_SPELLED | _TENS | _OTHER).items()}
LONGEST_SPELLED = max(len(str(value)) for value in _NAMED.values())
"""How many digits the largest number has that is read where it is spelled out."""
_GERMAN_COMPOUND = regex.compile(r"(ein|zwei|drei|vier|fünf|sechs|sieben|acht|neun)und(\p{L}{3,9}zig|dreissig)")
_WORD = regex.compile(r"\p{L}+")


def number_spans(text: str) -> Iterator[tuple[int, int]]:
    """Numbers in digits with their sign, their scale (`2.4 million`), and percent or currency. Digits are folded."""
    for match in near(_DIGIT, _FARTHEST_DIGIT, _NUMBER, text):
        yield match.span()


def decimal_mark(numbers: Iterable[str]) -> str | None:
    """`.` or `,`, where the numbers of a text tell; None where none of them tells, or they contradict one another."""
    telling = {number for number in numbers if "." in number or "," in number}
    marks = {mark for number in telling if (match := _NUMBER.search(number)) and (mark := _mark(match["digits"]))}
    return marks.pop() if len(marks) == 1 else None


def quantities(text: str, mark: str | None) -> frozenset[Quantity]:
    """All that a number may mean: `1.000` is 1000 or 1 unless the text's decimal mark is known."""
    match = _NUMBER.search(text)
    if match is None:
        return frozenset()
    unit = _UNITS.get((match["before"] or match["after"] or "").strip().lower(), "")
    sign = "-" if match["sign"] else ""
    values = _values(match["digits"], mark)
    scale = match["scale"] or match["cjk"]
    exponents = {_SCALES[fold_case(scale)] if scale else 0}
    if attached := _ATTACHED.search(match.group()):  # 5m are five metres or five millions
        exponents = {0, _SCALES[fold_case(attached[1])]}
    return frozenset(Quantity(sign + _scaled(value, exponent), unit) for value in values for exponent in exponents)


def spelled_out(text: str) -> set[str]:
    """The values of the small numbers that a text spells out in English or German: 0 to 99, and a few more."""
    values, tens = set(), 0
    for word in map(str.casefold, _WORD.findall(text)):
        number = _NAMED.get(word)
        if number is None and "und" in word:
            number = _compound(word)
        if number is None:
            tens = 0
            continue
        values.add(str(number))
        if tens and 0 < number < 10:
            values.add(str(tens + number))
        tens = number if number in range(20, 100, 10) else 0
    return values


def _compound(word: str) -> int | None:
    """The value of a word such as `einundzwanzig`."""
    compound = _GERMAN_COMPOUND.fullmatch(word)
    tens = _NAMED.get(compound[2]) if compound else None
    if compound is None or tens is None:
        return None
    return tens + (1 if compound[1] == "ein" else _NAMED[compound[1]])


def _mark(digits: str) -> str | None:
    """The decimal mark that the spelling of one number proves."""
    dots, commas = digits.count("."), digits.count(",")
    if dots and commas:
        return "." if digits.rfind(".") > digits.rfind(",") else ","
    used, other, count = (".", ",", dots) if dots else (",", ".", commas)
    groups = digits.split(used)
    if count > 1:
        return other if all(len(group) == 3 for group in groups[1:]) else None
    if count == 1 and (len(groups[1]) != 3 or groups[0] == "0"):
        return used
    return None


def _values(digits: str, mark: str | None) -> set[str]:
    plain = _GROUPING.sub("", digits)
    grouped = len(plain) != len(digits)
    separators = [char for char in plain if char in ".,"]
    if not separators:
        return {_canonical(plain, "")}
    last = separators[-1]
    whole, _, fraction = plain.rpartition(last)
    head = whole.replace("." if last == "," else ",", "")
    if separators.count(last) == 1 and (grouped or len(separators) > 1):
        return {_canonical(head, fraction)}
    if len(separators) > 1:
        return {plain.replace(last, "") if _mark(plain) else plain}
    if len(fraction) != 3 or len(whole) > 3 or whole == "0":
        return {_canonical(whole, fraction)}
    both = {",": _canonical(whole, fraction), ".": _canonical(whole + fraction, "")}
    if mark is None:
        return set(both.values())
    return {_canonical(whole, fraction) if mark == last else _canonical(whole + fraction, "")}


def _canonical(whole: str, fraction: str) -> str:
    fraction = fraction.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{fraction}" if fraction else "")


def _scaled(value: str, exponent: int) -> str:
    if not exponent or len(value) > _LONGEST or value.count(".") > 1:
        return value
    scaled = format(Decimal(value).scaleb(exponent), "f")
    return _canonical(*scaled.split(".")) if "." in scaled else scaled
