"""Words and sentence ends, by the Unicode rules.

A word is a segment between the word boundaries of UAX #29 that holds at least one letter, digit or ideograph;
`regex` implements these boundaries (its WORD flag). Each CJK ideograph is a word of its own, "can't" is one
word and "well-known" two.
"""

from collections.abc import Iterator

import regex

from chains.text.abbreviations import is_within_sentence

__all__ = ["count_words", "fit_words", "sentence_end", "sentence_ends", "word_boundaries", "word_ends"]

_BOUNDARY = regex.compile(r"(?V1w)\b")
_WORD = regex.compile(r"[\p{L}\p{N}]")
_SENTENCE_END = regex.compile(
    r"(?<![\p{Sentence_Terminal}…])[\p{Sentence_Terminal}…]++[\"'”’»)\]]*+(?=\s|$)|[。！？．]++[」』”）]*+|\n++"
)


def word_boundaries(text: str) -> list[int]:
    """The code point offsets of all word boundaries in `text`, in ascending order."""
    return [match.start() for match in _BOUNDARY.finditer(text)]


def word_ends(text: str) -> list[int]:
    """The code point offsets of the ends of all words in `text`, in ascending order."""
    ends, end = [], 0
    for segment in _BOUNDARY.split(text):
        end += len(segment)
        if _is_word(segment):
            ends.append(end)
    return ends


def sentence_end(text: str, offset: int) -> int | None:
    """The end of the sentence whose terminator stands at the offset; None where there is none."""
    found = _SENTENCE_END.match(text, offset)
    return found.end() if found and not _goes_on(text, found) else None


def sentence_ends(text: str) -> Iterator[int]:
    """The code point offsets behind all sentences and lines of `text`, in ascending order. A full stop behind an
    abbreviation, an initial or an ordinal number ends none."""
    for found in _SENTENCE_END.finditer(text):
        if not _goes_on(text, found):
            yield found.end()


def _goes_on(text: str, found: regex.Match[str]) -> bool:
    return found.group() == "." and is_within_sentence(text, found.start())


def count_words(text: str) -> int:
    """The number of words in `text`."""
    return sum(map(_is_word, _BOUNDARY.split(text)))


def _is_word(segment: str) -> bool:
    """Whether what stands between two boundaries holds a letter or a digit; most segments are a word or a space."""
    return segment.isalnum() or not (segment.isspace() or _WORD.search(segment) is None)


def fit_words(text: str, limit: int | None, *, complete: bool = True) -> tuple[str, bool]:
    """Shorten `text` to at most `limit` words (None: any number); return the text and whether it was shortened.

    `complete` says whether the writer came to an end; if not, the last sentence is a stump and goes too. The cut
    is at the last end of a sentence or line that fits. Where not even the first sentence fits, it is after the
    last word that fits, marked by an ellipsis.
    """
    ends = word_ends(text)
    fits = limit is None or len(ends) <= limit
    if fits and complete:
        return text, False
    reach = len(text) if fits else ends[(limit or 1) - 1]
    # A terminator right behind the last word still belongs to its sentence.
    reach = sentence_end(text, reach) or reach
    last = max((end for end in sentence_ends(text) if end <= reach), default=0)
    if text[:last].strip():
        return text[:last].rstrip(), True
    return text[:reach].rstrip() + "…", True
