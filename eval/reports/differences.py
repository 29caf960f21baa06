"""What two texts have in common, word by word."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

import regex

__all__ = ["Piece", "word_pieces"]

Piece = tuple[str, bool]
"""A part of a text, and whether the other text has it too."""

# Scripts without spaces are compared by character.
_WORDS = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]|[\p{L}\p{M}\p{N}_]+|\s+|\X")


def word_pieces(before: str, after: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts in pieces. Takes quadratic time: meant for texts of some thousand characters."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    return (
        list(_pieces(old, [(block.a, block.size) for block in blocks])),
        list(_pieces(new, [(block.b, block.size) for block in blocks])),
    )


def _pieces(words: Sequence[str], common: Sequence[tuple[int, int]]) -> Iterator[Piece]:
    """Cut at the runs of words that both have: each is the number of its first word, and how many they are."""
    at = 0
    for start, size in common:
        if start > at:
            yield "".join(words[at:start]), False
        if size:
            yield "".join(words[start : start + size]), True
        at = start + size
