"""Dates, weekdays and times of the day, by their parts."""

import re
from collections.abc import Iterator
from itertools import combinations

import regex

from chains.text.facts.fact import fold_case
from chains.text.facts.places import any_of, beginning_at

__all__ = ["Parts", "date_numbers", "date_readings", "date_spans", "subsets"]

Parts = frozenset[tuple[str, int]]
"""What a date states: year, month (1 to 12), day, weekday (0 is Monday) and minute of the day, as far as it does."""

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jänner janvier enero", "february feb februar février febrero",
            "march mar märz maerz mars marzo", "april apr avril abril", "may mai mayo", "june jun juni juin junio",
            "july jul juli juillet julio", "august aug août agosto", "september sep sept septembre septiembre",
            "october oct oktober okt octobre octubre", "november nov novembre noviembre",
            "december dec dezember dez décembre diciembre",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_WEEKDAYS = {
    name: number
    for number, names in enumerate(
        ("monday montag lundi lunes", "tuesday dienstag mardi martes", "wednesday mittwoch mercredi miércoles",
         "thursday donnerstag jeudi jueves", "friday freitag vendredi viernes", "saturday samstag sonnabend samedi",
         "sunday sonntag dimanche domingo")
    )
    for name in names.split()
}  # fmt: skip
_ANY_MONTH, _ANY_WEEKDAY = any_of(_MONTHS), any_of(_WEEKDAYS)
_DATE = regex.compile(
    rf"""(?xi) (?<![\p{{Lu}}\p{{Ll}}\p{{N}}_]) (?:
      (?=\d) (?<!\d[.,/:]) (?:
        (?<!\d-) (?:
          (?P<y>\d{{4}}) (?P<sep>[-/.]) (?P<m>\d\d?) (?P=sep) (?P<d>\d\d?) (?!\d)
        | (?P<d>\d\d?) \. \s? (?P<m>\d\d?) \. \s? (?P<y>\d{{4}}|\d\d) (?!\d|[.,]\d)
        | (?P<one>\d\d?) (?P<sep>[/-]) (?P<two>\d\d?) (?P=sep) (?P<y>\d{{4}}|\d\d) (?!\d)
        )
      | (?P<d>\d\d?) (?:st|nd|rd|th|\.|er)? \s (?:of\s|de\s)? (?P<month>{_ANY_MONTH})\b
        (?: \.? ,? \s (?:de\s)? (?P<y>\d{{4}}) (?!\d) )?
      | (?P<h>\d\d?) (?:[:.](?P<min>[0-5]\d))? (?::\d\d)? \s?
        (?:(?P<half>[ap])\.?m\b\.?|(?P<full>uhr\b|h\b|o['’]clock\b))
      | (?P<h>[01]?\d|2[0-3]) : (?P<min>[0-5]\d) (?::\d\d)? (?![\d:])
      )
    | (?:am|vom|zum|bis|ab|den) \s (?P<d>\d\d?) \. (?P<m>\d\d?) \.
    | (?P<month>{_ANY_MONTH})\b (?:
        \.? \s (?:the\s)? (?P<d>\d\d?) (?:st|nd|rd|th)? (?!\d|[.,:]\d|\s?%|\p{{L}}) (?: ,? \s (?P<y>\d{{4}}) (?!\d) )?
      | \.? ,? \s (?:of\s|de\s)? (?P<y>\d{{4}}) (?!\d|[.,]\d)
      )
    | (?P<weekday>{_ANY_WEEKDAY}) s?\b
    | (?-i:(?P<month>January|February|April|June|July|August|September|October|November|December
        |Januar|Februar|März|Juni|Juli|Oktober|Dezember))\b
    )"""
)
_MARK = re.compile(
    rf"(?i)(?<![a-z0-9_])(?=[0-9abdefjlmnostvwz])(?:[0-9]|{_ANY_MONTH}|{_ANY_WEEKDAY}|(?:am|vom|zum|bis|ab|den)\s)"
)
_CJK_MARK = regex.compile("[年년月월]")
_CJK_DATE = regex.compile(
    r"(?<!\d)(?:(?P<y>\d{4})[年년]\s?(?:(?P<m>\d\d?)[月월]\s?(?:(?P<d>\d\d?)[日號号일])?)?"
    r"|(?P<m>\d\d?)[月월]\s?(?P<d>\d\d?)[日號号일])"
)
_ALSO_WORDS = frozenset({"may", "march", "mar", "mars", "mai", "sep", "jan", "dec"})


def date_spans(text: str) -> Iterator[tuple[int, int]]:
    """Dates with at least a day and a month or a month and a year, months and weekdays by their names, and times.

    Months are read in English, German, French and Spanish. Digits are folded.
    """
    for match in beginning_at(_MARK, _DATE, text):
        if not _is_a_word(match) and _readings(match):
            yield match.span()
    for match in _CJK_DATE.finditer(text) if _CJK_MARK.search(text) else ():
        if _cjk_readings(match):
            yield match.span()


def date_readings(text: str) -> list[Parts]:
    """All that a date may mean: 03/05/2024 is in March or in May."""
    if match := _DATE.search(text):
        return _readings(match)
    match = _CJK_DATE.search(text)
    return _cjk_readings(match) if match else []


def date_numbers(readings: list[Parts]) -> set[str]:
    """The numbers that a date states."""
    values = {value for parts in readings for name, value in parts if name in {"year", "day", "month"}}
    minutes = {value for parts in readings for name, value in parts if name == "minute"}
    return {str(value) for value in values | {m // 60 for m in minutes} | {m % 60 for m in minutes}}


def subsets(parts: Parts) -> Iterator[Parts]:
    """Everything that a date states without some of its parts; at least one remains."""
    for size in range(1, len(parts) + 1):
        yield from (frozenset(chosen) for chosen in combinations(parts, size))


def _is_a_word(match: regex.Match[str]) -> bool:
    """`may 5` and `march 2019` in small letters are rather no months."""
    month = match["month"]
    return month in _ALSO_WORDS and match.group().startswith(month)


def _readings(match: regex.Match[str]) -> list[Parts]:
    if weekday := match["weekday"]:
        return [frozenset({("weekday", _WEEKDAYS[fold_case(weekday)])})]
    if match["h"]:
        return _times(match)
    if match["one"]:
        one, two = int(match["one"]), int(match["two"])
        dates = [_date(match["y"], month, day) for day, month in {(one, two), (two, one)}]
        return [parts for parts in dates if parts]
    return _in_month(match, _MONTHS[fold_case(match["month"])] if match["month"] else int(match["m"] or 0))


def _cjk_readings(match: regex.Match[str]) -> list[Parts]:
    return _in_month(match, int(match["m"] or 0))


def _in_month(match: regex.Match[str], month: int) -> list[Parts]:
    day = int(match["d"] or 0)
    parts = _date(match["y"], month, day) if day or not match["d"] else None
    return [parts] if parts else []


def _date(told: str | None, month: int, day: int) -> Parts:
    """Nothing where there is no such day. `told` is the year, in two or four digits."""
    if day > 31 or month > 12:
        return frozenset()
    year = int(told or 0)
    if told and len(told) == 2:
        year += 2000 if year < 70 else 1900
    return frozenset((name, value) for name, value in (("year", year), ("month", month), ("day", day)) if value)


def _times(match: regex.Match[str]) -> list[Parts]:
    hour, minute = int(match["h"]), int(match["min"] or 0)
    if hour > 24:
        return []
    if half := match["half"]:
        hours = [hour % 12 + (12 if half in "pP" else 0)]
    elif hour > 12 or (match["full"] or "").lower() in {"uhr", "h"}:
        hours = [hour]
    else:
        hours = [hour, (hour + 12) % 24]
    return [frozenset({("minute", hour * 60 + minute)}) for hour in hours]
