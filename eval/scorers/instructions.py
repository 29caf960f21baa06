"""Whether a generated text states the facts it was to state, and an output obeys its schema."""

import unicodedata
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

import regex
from jsonschema import Draft202012Validator

from eval.scorers.tokens import folded

__all__ = ["facts_stated", "obeys_schema"]

_PART = regex.compile(r"\p{N}+|[\p{L}\p{M}]+")
_DIGIT = regex.compile(r"[\p{Nd}--[0-9]]", regex.V1)
_SCRIPTS = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_GROUPING = regex.compile(r"(?<=\p{Nd})[.,'’٬](?=\p{Nd}{3}(?!\p{Nd}))")
_LETTER = regex.compile(r"[\p{L}\p{M}\p{N}]")
_UNSPACED = regex.compile(f"[{_SCRIPTS}]")
# A script without spaces ends no word beside it; Arabic writes "and", "in" and "to" as part of what follows.
_JOINED = rf"[\p{{L}}\p{{M}}\p{{N}}--[{_SCRIPTS}ー]]"
_BEGINS = regex.compile(rf"(?<=(?<!{_JOINED})(?:[وفبلك]ـ?)?)", regex.V1)
_ENDS = regex.compile(rf"(?!{_JOINED})", regex.V1)


def facts_stated(text: str, facts: Sequence[str]) -> float | None:
    """The share of the facts that the text states in their words, in their order; None without facts.

    Case, compatibility forms, and white space and punctuation between words and numbers don't matter: `350 ml` is
    stated by `350ml`, `1,000` by `1000` and the reverse; `10` isn't by `2010`. Nor does it matter which script's
    decimal digits a number is written in. A fact without a letter or digit is never stated.
    """
    if not facts:
        return None
    comparable = _comparable(text)
    within, ungrouped = _Searched(comparable), _Searched(_GROUPING.sub("", comparable))
    return sum(
        within.states(fact) or ungrouped.states(_GROUPING.sub("", fact)) for fact in map(_comparable, facts)
    ) / len(facts)


def obeys_schema(output: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a JSON value is valid under a JSON Schema (draft 2020-12) without external references."""
    return bool(Draft202012Validator(dict(schema)).is_valid(output))


class _Searched:
    """A text, ready to be asked for facts. Its letters, marks and digits are searched without what stands between."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._places = [match.start() for match in _LETTER.finditer(text)]
        self._letters = "".join(text[place] for place in self._places)

    def states(self, fact: str) -> bool:
        parts = _PART.findall(fact)
        wanted, seams = "".join(parts), {0, *accumulate(map(len, parts))}
        start = self._letters.find(wanted) if parts else -1
        while start >= 0:
            places = self._places[start : start + len(wanted)]
            if self._is_whole(parts, places[0], places[-1] + 1) and all(
                after == before + 1 or number in seams for number, (before, after) in enumerate(pairwise(places), 1)
            ):
                return True
            start = self._letters.find(wanted, start + 1)
        return False

    def _is_whole(self, parts: Sequence[str], start: int, end: int) -> bool:
        """Whether no word goes on beyond the ends."""
        begins = _UNSPACED.match(parts[0]) or _BEGINS.match(self._text, start)
        return bool(begins and (_UNSPACED.match(parts[-1][-1]) or _ENDS.match(self._text, end)))


def _comparable(text: str) -> str:
    return _DIGIT.sub(lambda digit: str(unicodedata.decimal(digit.group())), folded(text))
