"""Finding a model's words in the source text."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

import regex
from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from chains.text.edges import may_begin, may_end, next_begin
from chains.text.folding import FoldedText
from chains.text.offsets import StringIndexType, Utf16Index

__all__ = ["LEAST_SIMILARITY", "Alignment", "Mention", "SourceIndex", "Span"]

LEAST_SIMILARITY = 0.85
"""How alike a string and the words that are taken for it must be: 1 minus the Levenshtein distance of their folded
forms by the longer one's length. That is one wrong letter in seven."""

_SHORTEST_FUZZY = 6
_LONGEST_FUZZY = 200
_BLOCK = 1 << 16
_NEARBY = 64
_WORD_EDGE = regex.compile(r"(?<![\p{L}\p{M}\p{N}])(?=[\p{L}\p{N}])|(?<=[\p{L}\p{M}\p{N}])(?![\p{L}\p{M}\p{N}])")
_DIGITS = regex.compile(r"\p{Nd}+")


class Alignment(str, Enum):
    """How the place of a string was found: to the code point; apart from case, composition, white space, dashes and
    quotes; or as the words most like it."""

    EXACT = "exact"
    NORMALIZED = "normalized"
    FUZZY = "fuzzy"


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open stretch of the source, in the caller's units."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Mention:
    """A stretch of the source, in code points, that stands for a string."""

    start: int
    end: int
    alignment: Alignment


class SourceIndex:
    """One source text in which many strings are looked up. Built once, in time and memory linear in the text.

    A mention begins and ends at the edges of words and never inside a grapheme cluster (`chains.text.edges`), as the
    whole source has them, also where only a part of it is searched.
    """

    def __init__(self, source: str, index_type: StringIndexType = StringIndexType.UNICODE) -> None:
        self.source = source
        self._folded = FoldedText(source)
        self._utf16 = Utf16Index(source) if index_type is StringIndexType.UTF16 else None

    def span(self, mention: Mention) -> Span:
        """Where a mention stands, in the unit that the index was made for."""
        if self._utf16 is None:
            return Span(mention.start, mention.end - mention.start)
        offset = self._utf16.offset(mention.start)
        return Span(offset, self._utf16.offset(mention.end) - offset)

    def place(self, wanted: Sequence[str], start: int = 0, end: int | None = None) -> list[Mention | None]:
        """The mention of each string between two code points, None where there is none (left).

        Strings are found exactly, else normalized, else by likeness, and a string that is named again gets its next
        mention. Longer strings come first, and no mention begins within another string's as long as there is one
        that doesn't: of "York" and "New York" each gets a place of its own, where the text has two.
        """
        end = len(self.source) if end is None else end
        places: list[Mention | None] = [None] * len(wanted)
        mentions: dict[str, deque[Mention]] = {}
        taken = bytearray(end - start)
        for number in sorted(range(len(wanted)), key=lambda number: (-len(wanted[number]), number)):
            text = wanted[number].strip()
            if text not in mentions:
                mentions[text] = deque(_free_first(self.mentions(text, start, end), taken, start))
            if mentions[text]:
                mention = mentions[text].popleft()
                places[number] = mention
                taken[mention.start - start : mention.end - start] = b"\1" * (mention.end - mention.start)
        return places

    def mentions(self, wanted: str, start: int = 0, end: int | None = None) -> Iterator[Mention]:
        """All mentions of one string between two code points, in their order and without overlaps, found in the first
        of the three ways that finds any."""
        end = len(self.source) if end is None else end
        for way in (self._exact, self._normalized, self._fuzzy):
            found = False
            for mention in way(wanted, start, end):
                found = True
                yield mention
            if found:
                return

    def _exact(self, wanted: str, start: int, end: int) -> Iterator[Mention]:
        at = self.source.find(wanted, start, end) if wanted else -1
        while at >= 0:
            behind = at + len(wanted)
            if self._stands(at, behind):
                yield Mention(at, behind, Alignment.EXACT)
            else:
                behind = next_begin(self.source, at)
            at = self.source.find(wanted, behind, end)

    def _normalized(self, wanted: str, start: int, end: int) -> Iterator[Mention]:
        folded = FoldedText(wanted).folded.strip()
        if not folded:
            return
        first, last = self._folded.position(start), self._folded.position(end)
        at = self._folded.folded.find(folded, first, last)
        while at >= 0:
            behind = at + len(folded)
            spans = [span for span in self._folded.source(at, behind) if start <= span[0] and span[1] <= end]
            found = next((span for span in spans if self._stands(*span)), None)
            if found:
                yield Mention(*found, Alignment.NORMALIZED)
            else:
                behind = max(at + 1, self._folded.position(next_begin(self.source, self._folded.nearest(at))))
            at = self._folded.folded.find(folded, behind, last)

    def _fuzzy(self, wanted: str, start: int, end: int) -> Iterator[Mention]:
        """The one stretch of words that is most like the string; its numbers must be the string's own."""
        folded = FoldedText(wanted).folded.strip()
        if not _SHORTEST_FUZZY <= len(folded) <= _LONGEST_FUZZY:
            return
        best, likeness = None, LEAST_SIMILARITY
        first, last = self._folded.position(start), self._folded.position(end)
        for at in range(first, max(last, first + 1), _BLOCK):
            block = self._folded.folded[at : min(last, at + _BLOCK + len(folded))]
            near = fuzz.partial_ratio_alignment(folded, block, score_cutoff=100 * (likeness - 0.15))
            if near is None:
                continue
            for mention in self._whole_words(at + near.dest_start, at + near.dest_end):
                alike = self._likeness(folded, mention)
                if alike >= likeness and start <= mention.start and mention.end <= end:
                    best, likeness = mention, alike + 1e-9
        if best:
            yield best

    def _whole_words(self, start: int, end: int) -> Iterator[Mention]:
        """Mentions near folded offsets, from the nearest edge of words before each or behind it."""
        for begin in self._edges(self._folded.nearest(start)):
            for behind in self._edges(self._folded.nearest(end)):
                if begin < behind and self._stands(begin, behind):
                    yield Mention(begin, behind, Alignment.FUZZY)

    def _edges(self, offset: int) -> set[int]:
        """The nearest places in the source, in both directions, where a word begins or ends."""
        near = max(0, offset - _NEARBY)
        edges = [near + match.start() for match in _WORD_EDGE.finditer(self.source[near : offset + _NEARBY])]
        at = bisect_right(edges, offset)
        return set(edges[max(0, at - 2) : at + 2])

    def _likeness(self, folded: str, mention: Mention) -> float:
        words = FoldedText(self.source[mention.start : mention.end]).folded
        if _DIGITS.findall(words) != _DIGITS.findall(folded):
            return 0.0
        return float(Levenshtein.normalized_similarity(folded, words, score_cutoff=LEAST_SIMILARITY))

    def _stands(self, start: int, end: int) -> bool:
        return may_begin(self.source, start) and may_end(self.source, end)


def _free_first(found: Iterator[Mention], taken: bytearray, start: int) -> list[Mention]:
    """Those that lie clear of what is taken, and then the others; `taken` begins at `start`."""
    return sorted(found, key=lambda mention: taken.find(1, mention.start - start, mention.end - start) >= 0)
