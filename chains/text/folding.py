"""A text without what writers and models spell differently, and the way back to the text itself.

The folded form is NFKC with case folded (Unicode's toNFKC_Casefold): composed and full-width forms, ligatures and case
are one; each run of white space is one space, dashes are `-`, quotes are `'` or `"`, and characters that nobody sees
are gone.
"""

import re
import unicodedata
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

import regex

__all__ = ["FoldedText"]

_DASH = regex.compile(r"[\p{Pd}\u2212]")
_SINGLE_QUOTE = regex.compile(r"[‘’‚‛′‹›`´ʼ＇]")
_DOUBLE_QUOTE = regex.compile(r"[“”„‟″«»＂]")
_INVISIBLE = regex.compile(r"[\p{Default_Ignorable_Code_Point}]")
_SPACE = regex.compile(r"[\p{White_Space}]")
# Characters that may become one with the character before them: marks, and the later letters of a Hangul syllable.
_JOINING = regex.compile(r"[\p{M}\u1160-\u11ff\ud7b0-\ud7ff]")


class FoldedText:
    """The folded form of a text, as `folded`. Takes time and memory linear in the text: 5 MB take less than a second.

    What folds one character to one is looked up in place; only the stretches that don't (`ﬁ`, `e` with its combining
    mark, two spaces) are kept, with where they stand on both sides.
    """

    def __init__(self, text: str) -> None:
        plain, joining, others = _kinds(set(text))
        self._starts, self._ends = array("I"), array("I")  # of the stretches in the text
        self._folded_starts, self._folded_ends = array("I"), array("I")
        known: dict[str, str] = {}
        pieces: list[str] = []
        done = length = 0
        for found in _stretches(joining, others).finditer(text):
            start, end = found.span()
            if text[start] in joining:  # with the character before, unless that is another stretch's
                start = max(done, start - 1)
            piece = known.get(text[start:end])
            if piece is None:
                piece = known[text[start:end]] = _folded(text[start:end])
            pieces += text[done:start], piece
            length += start - done
            self._note(start, end, length, length + len(piece))
            length += len(piece)
            done = end
        pieces.append(text[done:])
        self.folded = "".join(pieces).translate(plain)

    def _note(self, start: int, end: int, folded_start: int, folded_end: int) -> None:
        self._starts.append(start)
        self._ends.append(end)
        self._folded_starts.append(folded_start)
        self._folded_ends.append(folded_end)

    def source(self, start: int, end: int) -> list[tuple[int, int]]:
        """What stands in the text for the folded code points `start` to `end` (more than none): without invisible
        characters behind it and with them; nothing where one of the two lies within a stretch that can't be divided."""
        first = self._source(start, after=True)
        ends = [self._source(end, after=False), self._source(end, after=True)]
        if first is None:
            return []
        return [(first, last) for last in dict.fromkeys(ends) if last is not None]

    def nearest(self, folded: int) -> int:
        """Where a folded offset stands in the text; the beginning of its stretch where it lies within one."""
        at = bisect_right(self._folded_starts, folded) - 1
        if at < 0:
            return folded
        beyond = folded - self._folded_ends[at]
        return self._ends[at] + beyond if beyond >= 0 else self._starts[at]

    def position(self, offset: int) -> int:
        """The folded offset of a code point offset into the text; that of its stretch where it lies within one."""
        at = bisect_right(self._starts, offset) - 1
        if at < 0:
            return offset
        if offset < self._ends[at]:
            return self._folded_starts[at]
        return self._folded_ends[at] + offset - self._ends[at]

    def _source(self, folded: int, *, after: bool) -> int | None:
        """`after` tells whether invisible characters that stand there come before the offset."""
        find = bisect_right if after else bisect_left
        at = find(self._folded_starts, folded) - 1
        if at < 0:
            return folded
        beyond = folded - self._folded_ends[at]
        if beyond >= 0:
            return self._ends[at] + beyond
        return self._starts[at] if folded == self._folded_starts[at] else None


def _kinds(characters: set[str]) -> tuple[dict[int, str], set[str], set[str]]:
    """What folds to one other character; what joins the one before it; what folds to none or several."""
    plain: dict[int, str] = {}
    joining, others = set(), set()
    for character in characters:
        if character < "\x80":  # also the commonest ones
            if character.isspace():
                plain[ord(character)] = " "
            elif character.isupper():
                plain[ord(character)] = character.lower()
            elif character == "`":
                plain[ord(character)] = "'"
            continue
        folded = _folded(character)
        if _JOINING.match(character) and folded:
            joining.add(character)
        elif len(folded) != 1:
            others.add(character)
        elif folded != character:  # what is folded already isn't changed by being looked up once more
            plain[ord(character)] = folded
    return plain, joining, others


def _stretches(joining: Iterable[str], others: Iterable[str]) -> re.Pattern[str]:
    """Finds what doesn't fold character by character."""
    alternatives = [r"\s{2,}"]
    if marks := "".join(map(re.escape, joining)):
        alternatives.append(f"[{marks}]+")
    if several := "".join(map(re.escape, others)):
        alternatives.append(f"[{several}]")
    return re.compile("|".join(alternatives))


def _folded(text: str) -> str:
    for pattern, replacement in ((_DASH, "-"), (_SINGLE_QUOTE, "'"), (_DOUBLE_QUOTE, '"'), (_INVISIBLE, "")):
        text = pattern.sub(replacement, text)
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return regex.sub(r"\p{White_Space}+", " ", text)
