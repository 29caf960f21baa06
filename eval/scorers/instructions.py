"""Whether a generated text states the facts it was to state, and an output obeys its schema."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import regex
from jsonschema import Draft202012Validator

from eval.scorers.tokens import folded

__all__ = ["facts_stated", "obeys_schema"]

_PART = regex.compile(r"\p{N}+|[\p{L}\p{M}]+")
_SCRIPTS = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_UNSPACED = regex.compile(f"[{_SCRIPTS}]")
# A script without spaces ends no word beside it; Arabic writes "and", "in" and "to" as part of what follows.
_JOINED = rf"[\p{{L}}\p{{M}}\p{{N}}--[{_SCRIPTS}ー]]"
_BEGIN, _END = rf"(?<!{_JOINED})(?:[وفبلك]ـ?)?", rf"(?!{_JOINED})"


def facts_stated(text: str, facts: Sequence[str]) -> float | None:
    """The share of the facts that the text states in their words, in their order; None without facts.

    Case, compatibility forms, and white space and punctuation between words and numbers don't matter: `350 ml` is
    stated by `350ml`, `1,000` by `1000`; `10` isn't by `2010`. Nor does it matter which script's decimal digits a
    number is written in. A fact without a letter or digit is never stated.
    """
    within = _comparable(text)
    return sum(_is_stated(_comparable(fact), within) for fact in facts) / len(facts) if facts else None


def obeys_schema(output: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a JSON value is valid under a JSON Schema (draft 2020-12) without external references."""
    return bool(Draft202012Validator(dict(schema)).is_valid(output))


def _is_stated(fact: str, within: str) -> bool:
    parts = _PART.findall(fact)
    if not parts:
        return False
    begin = "" if _UNSPACED.match(parts[0]) else _BEGIN
    end = "" if _UNSPACED.match(parts[-1][-1]) else _END
    between = r"[^\p{L}\p{M}\p{N}]*"
    return regex.search(begin + between.join(map(regex.escape, parts)) + end, within, regex.V1) is not None


def _comparable(text: str) -> str:
    return regex.sub(r"\p{Nd}", lambda digit: str(unicodedata.decimal(digit.group())), folded(text))
