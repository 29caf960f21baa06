"""Which sentences of a source a summary uses, measured by the words that they share.

A sentence of the source is used where it holds at least `_BOUND` of the content of one sentence of the summary. Content
are the stems of words, weighted by how rare they are in the source; a stem is the first letters of a word, which
makes "closes" and "closed" the same in most languages that inflect at the end. Scripts without spaces are compared by
pairs of characters. Time: linear in the length of the source.
"""

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator

import regex

from chains.chunking import Chunk
from chains.tasks.summarize.contract import Coverage, CoveredSpan
from chains.text import StringIndexType, Utf16Index, sentence_ends

__all__ = ["coverage"]

_BOUND = 0.3
_LEAST_SHARED = 2
_STEM = 5
_LEAST_LETTERS = 4
# A word that stands in more sentences than this says nothing of what is told there; in a short source none does.
_MOST_FREQUENT, _FEW_SENTENCES = 0.25, 8
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_RUN = regex.compile(rf"[{_UNSPACED}]+")
_WORD = regex.compile(rf"(?V1)[[\p{{L}}\p{{M}}\p{{N}}]--[{_UNSPACED}]]+")
_ASCII_WORD = re.compile("[A-Za-z0-9]+")
"""What `_WORD` finds in ASCII, in a fifth of the time."""

Stretch = tuple[int, int]


def coverage(summary: str, source: str, chunks: list[Chunk], unit: StringIndexType) -> Coverage:
    """What of the source stands in the summary; offsets are in the given unit."""
    used = _merged(source, _used(summary, source))
    starts = [chunk.start for chunk in chunks]
    index = Utf16Index(source) if unit is StringIndexType.UTF16 else None
    spans = []
    for start, end in used:
        offset, after = (index.offset(start), index.offset(end)) if index else (start, end)
        spans.append(CoveredSpan(offset=offset, length=after - offset))
    return Coverage(
        chunks=len(chunks), chunks_used=len({bisect_right(starts, start) for start, _ in used}), spans=spans
    )


def _used(summary: str, source: str) -> Iterator[Stretch]:
    """The sentences of the source that the summary uses."""
    told = [stems for start, end in _sentences(summary) if (stems := _stems(summary[start:end]))]
    wanted = set().union(*told)
    sentences = list(_sentences(source))
    held = [wanted & _stems(source[start:end]) for start, end in sentences]
    frequency = Counter(stem for stems in held for stem in stems)
    most = max(len(sentences) * _MOST_FREQUENT, 1) if len(sentences) >= _FEW_SENTENCES else len(sentences)
    weights = {stem: math.log(1 + len(sentences) / frequency[stem]) for stem in frequency if frequency[stem] <= most}
    # What the source lacks weighs as much as what it holds once: an invented sentence uses nothing.
    rarest = math.log(1 + len(sentences))
    asked = [(stems, _BOUND * sum(weights.get(s, 0 if s in frequency else rarest) for s in stems)) for stems in told]
    for stretch, stems in zip(sentences, held, strict=True):
        if stems and any(_holds(stems & those, those, weights, least) for those, least in asked):
            yield stretch


def _holds(shared: set[str], asked: set[str], weights: dict[str, float], least: float) -> bool:
    counted = [weights[stem] for stem in shared if stem in weights]
    known = sum(stem in weights for stem in asked)
    return len(counted) >= min(_LEAST_SHARED, known) and 0 < least <= sum(counted)


def _sentences(text: str) -> Iterator[Stretch]:
    start = 0
    for end in sentence_ends(text):
        yield start, end
        start = end
    if start < len(text):
        yield start, len(text)


def _stems(said: str) -> set[str]:
    """The stems of the words that tell something, and the pairs of characters of scripts without spaces."""
    words = map(str.casefold, (_ASCII_WORD if said.isascii() else _WORD).findall(said))
    stems = {
        word if word[0].isnumeric() else word[:_STEM]
        for word in words
        if len(word) >= _LEAST_LETTERS or word.isnumeric() or (len(word) > 1 and word.upper() == word)
    }
    for run in map(str.casefold, () if said.isascii() else _RUN.findall(said)):
        stems.update(run[at : at + 2] for at in range(max(1, len(run) - 1)))
    return stems


def _merged(source: str, stretches: Iterator[Stretch]) -> list[Stretch]:
    """Neighbours as one stretch, and none with white space around it."""
    merged: list[Stretch] = []
    for start, end in stretches:
        if merged and merged[-1][1] == start:
            merged[-1] = merged[-1][0], end
        else:
            merged.append((start, end))
    trimmed = []
    for start, end in merged:
        said = source[start:end]
        first = start + len(said) - len(said.lstrip())
        trimmed.append((first, first + len(said.strip())))
    return trimmed
