"""Whether a generated text states the facts it was to state, and an output obeys its schema."""

from collections.abc import Mapping, Sequence
from typing import Any

import regex
from jsonschema import Draft202012Validator

from eval.scorers.tokens import folded

__all__ = ["facts_stated", "obeys_schema"]

_PART = regex.compile(r"\p{N}+|[\p{L}\p{M}]+")
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")


def facts_stated(text: str, facts: Sequence[str]) -> float | None:
    """The share of the facts that the text states in their words, in their order; None without facts.

    Case, compatibility forms, and white space and punctuation between words and numbers don't matter: `350 ml` is
    stated by `350ml`, `1,000` by `1000`; `10` isn't by `2010`. A fact without a letter or digit is never stated.
    """
    within = folded(text)
    return sum(_is_stated(folded(fact), within) for fact in facts) / len(facts) if facts else None


def obeys_schema(output: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a JSON value is valid under a JSON Schema (draft 2020-12) without external references."""
    return bool(Draft202012Validator(dict(schema)).is_valid(output))


def _is_stated(fact: str, within: str) -> bool:
    parts = _PART.findall(fact)
    if not parts:
        return False
    begin = "" if _UNSPACED.match(parts[0]) else r"(?<![\p{L}\p{M}\p{N}])"
    end = "" if _UNSPACED.match(parts[-1][-1]) else r"(?![\p{L}\p{M}\p{N}])"
    between = r"[^\p{L}\p{M}\p{N}]*"
    return regex.search(begin + between.join(map(regex.escape, parts)) + end, within) is not None
