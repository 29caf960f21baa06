"""What labels are called when the model hears of them: `card_arrival` and `CardArrival` are "card arrival"."""

from collections import Counter
from collections.abc import Sequence

import regex

__all__ = ["short_names", "spoken_names"]

MOST_BYTES = 64
"""Of a short name, in UTF-8: a likelihood costs time by its length."""

_IDENTIFIER = regex.compile(r"[\p{L}\p{M}\p{N}_./:-]+[?!]?")
_SEPARATORS = regex.compile(r"[_./:-]+")
_HUMP = regex.compile(r"(?<=[\p{Ll}\p{N}])(?=\p{Lu})")


def spoken_names(names: Sequence[str]) -> list[str]:
    """How each label is spoken of, in the order of the names; no two are alike, and none is empty.

    Where two would be spoken alike (`card_lost`, `card lost`), these keep their names as they are.
    """
    return _where_unlike([_words(name) for name in names], names)


def short_names(names: Sequence[str]) -> list[str]:
    """The names, those of more than MOST_BYTES cut, to whole words where there are some, if what is left of them tells
    them from all others."""
    return _where_unlike([_shortened(name) for name in names], names)


def _where_unlike(wanted: Sequence[str], otherwise: Sequence[str]) -> list[str]:
    counts = Counter([*wanted, *{text for new, text in zip(wanted, otherwise, strict=True) if new != text}])
    return [new if counts[new] == 1 else old for new, old in zip(wanted, otherwise, strict=True)]


def _words(name: str) -> str:
    """An identifier in words; any other name as it is."""
    if not _IDENTIFIER.fullmatch(name):
        return name
    apart = _SEPARATORS.sub(" ", _HUMP.sub(" ", name)).strip()
    if " " not in apart:
        return name.rstrip("?!") or name
    return apart.rstrip("?!").strip().lower()


def _shortened(name: str) -> str:
    raw = name.encode()
    if len(raw) <= MOST_BYTES:
        return name
    start = raw[:MOST_BYTES].decode(errors="ignore")
    return start.rpartition(" ")[0] or start
