"""Names, as far as their spelling tells them for certain.

A name is a run of capitalised words inside a sentence (`Bank of England`), an acronym (`NASA`, `U.S.`), or what stands
in 《》. The first word of a sentence is only taken where more speaks for it: the word after it has a capital too and it
is no word that begins sentences often, or the text has it inside a sentence. In German, where every noun has a
capital, a single word is no name unless a title stands before it, and two nouns side by side look like one. Scripts
without case (Chinese, Arabic, Hindi, ...) don't tell names: of these only Latin names and 《》 are found.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property

import regex

from chains.text.facts.common_words import BEGINNERS, ENGLISH, GERMAN, PARTICLES, TITLES
from chains.text.facts.places import near

__all__ = ["long_names", "name_spans", "name_words", "words_of"]

Span = tuple[int, int]

_LETTER = r"[\p{Lu}\p{Ll}\p{M}\p{N}]"
_CAP = rf"(?:\p{{Ll}}(?=\p{{Lu}}))?\p{{Lu}}{_LETTER}*+(?:[-'’&][\p{{Lu}}\p{{Ll}}\p{{N}}]{_LETTER}*+)*+"
_PARTICLE = "|".join(sorted(PARTICLES))
_RUN = regex.compile(
    rf"""(?x) (?<![\p{{Lu}}\p{{Ll}}\p{{M}}\p{{N}}_@.&'’\ue000-])
    (?: (?:\p{{Lu}}\.){{2,6}}+
      | {_CAP} (?: (?:(?<=\b\p{{Lu}}|\b(?:Dr|Mr|Mrs|Ms|St|Prof))\.\ ?|[\ \u00a0]) (?:(?:{_PARTICLE})\ ){{0,2}}+ {_CAP}
               ){{0,12}}+
    )"""
)
_CAPITAL = regex.compile(r"\p{Lu}")
_FARTHEST_CAPITAL = len("i")
_CAPITALISED = regex.compile(r"\p{Lu}[\p{Lu}\p{Ll}\p{N}]*+")
_LONG = regex.compile(
    r"(?<![\p{Lu}\p{Ll}\p{N}])\p{Lu}[\p{Lu}\p{Ll}\p{N}]++"
    r"(?:[ \u00a0-](?:(?:and|of|the|for|on|in|und|für|der|des|et|y|de|la|&) ){0,2}+\p{Lu}[\p{Lu}\p{Ll}\p{N}]++){1,9}+"
)
_TITLE_MARKS = regex.compile(r"《[^《》\n\ue000]{1,80}+》|〈[^〈〉\n\ue000]{1,80}+〉")
_INITIALS = regex.compile(r"(?<![\p{L}\p{N}])(?:\p{Lu}\.){2,6}")
_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{M}\p{N}]*+")
_PIECE = regex.compile(r"[^ \u00a0]+")
_LOWER_WORD = regex.compile(r"(?<![\p{L}\p{N}_])\p{Ll}[\p{Ll}\p{M}]*+(?![\p{L}\p{N}_])")
_BEFORE_BEGINNINGS = frozenset(".!?。！？:：…;\n\r；" + "\"'“„‚«‹»(‘*_#>-–—•")


def name_spans(text: str) -> Iterator[Span]:
    """The places of names, not in order. A shouted text (mostly capitals) has none that can be told."""
    for match in _TITLE_MARKS.finditer(text):
        yield match.span()
    runs = [_Run(text, match) for match in near(_CAPITAL, _FARTHEST_CAPITAL, _RUN, text)]
    if runs:
        yield from filter(None, map(_Known(text, runs).within, runs))


def name_words(text: str) -> list[str]:
    """The words that tell a name: without titles and particles, in small letters."""
    words = [word.casefold() for word in _written_words(text)]
    return [word for word in words if word not in TITLES and word not in PARTICLES] or words


def words_of(text: str) -> frozenset[str]:
    """The words of a text in small letters; `U.S.` is one, `Jean-Luc` are two, and an apostrophe ends one."""
    return frozenset(map(str.casefold, set(_written_words(text))))


def _written_words(text: str) -> list[str]:
    return _WORD.findall(_INITIALS.sub(lambda match: match.group().replace(".", "") + " ", text))


def long_names(text: str) -> Iterator[tuple[Span, str]]:
    """Capitalised runs, also those joined by `and`, with what they may be called for short.

    `National Aeronautics and Space Administration` gives `nasa`.
    """
    for match in _LONG.finditer(text):
        yield match.span(), "".join(word[0] for word in _CAPITALISED.findall(match.group())).casefold()


class _Run:
    """A run of capitalised words."""

    def __init__(self, text: str, match: regex.Match[str]) -> None:
        self.start, self.end = match.span()
        self.pieces = [(piece.group(), piece.start(), piece.end()) for piece in _PIECE.finditer(match.group())]
        before = text[max(0, self.start - 16) : self.start].rstrip(" \t\u00a0")
        self.begins = not before or before[-1] in _BEFORE_BEGINNINGS
        """Whether a sentence, a line or a quotation begins here."""


class _Known:
    """What the text as a whole tells about its capitals."""

    def __init__(self, text: str, runs: Sequence[_Run]) -> None:
        small = _LOWER_WORD.findall(text)
        self._text = text
        self._runs = runs
        self._small = frozenset(small)
        self._german = sum(map(GERMAN.__contains__, small)) > sum(map(ENGLISH.__contains__, small))

    def within(self, run: _Run) -> Span | None:
        """The part of a run of capitalised words that is a name for certain."""
        pieces, begins = run.pieces, run.begins
        if len(pieces) > 2 and all(word.isupper() for word, _, _ in pieces):
            return None
        titled = False
        while pieces and self._says_nothing(pieces[0][0], begins):
            titled = titled or pieces[0][0].rstrip(".").casefold() in TITLES
            pieces, begins = pieces[1:], False
        while pieces and self._says_nothing(pieces[-1][0], begins=False):
            pieces = pieces[:-1]
        if not pieces or (len(pieces) == 1 and not self._stands_alone(pieces[0][0], begins, titled, run.end)):
            return None
        end = pieces[-1][2] - (2 if pieces[-1][0].endswith(("'s", "’s")) else 0)
        return run.start + pieces[0][1], run.start + end

    @cached_property
    def _inside(self) -> frozenset[str]:
        """The capitalised words that stand inside of sentences."""
        return frozenset(word.casefold() for run in self._runs for word, _, _ in run.pieces[run.begins :])

    def _says_nothing(self, word: str, begins: bool) -> bool:
        plain = word.rstrip(".").casefold()
        bare = plain.split("'")[0].split("’")[0]
        if bare in TITLES or bare in {"i", "ok"} or (word.isupper() and len(word) > 1 and plain in self._small):
            return True
        return begins and (bare in BEGINNERS or plain in self._small)

    def _stands_alone(self, word: str, begins: bool, titled: bool, end: int) -> bool:
        """Whether a single capitalised word is a name."""
        if _is_acronym(word) or titled:
            return True
        if len(word.rstrip(".")) < 2 or self._german:
            return False
        if begins:
            return word.casefold() in self._inside or _is_caseless(self._text[end : end + 2].lstrip()[:1])
        return word.casefold() not in self._small and word.casefold() not in BEGINNERS


def _is_acronym(word: str) -> bool:
    """`NASA`, `U.S.`, `iPhone`, `McKinsey`: more than a capital at the beginning."""
    letters = [char for char in word.split("'")[0].split("’")[0] if char.isalpha()]
    return len(letters) > 1 and any(char.isupper() for char in letters[1:])


def _is_caseless(char: str) -> bool:
    return char.isalpha() and char.lower() == char.upper()
