"""Text of the prompt that got into an answer: of few-shot examples, or of its fixed parts.

What the caller sent may stand in an answer, wherever else it stands, and so may what everybody says. So only what the
caller's texts don't have counts: runs of several words, whole short sentences, and names and the like of two words or
more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import regex

from chains.text.facts import FactKind, facts
from eval.scorers.tokens import sentences, words

__all__ = ["RUN", "leaked"]

RUN = 6.0
"""How many words in a row are a leak. In scripts without spaces a character is half a word."""
_SHORT = 4.0
"""From how many words on a sentence of fewer than six is one, where the whole of it stands in the answer."""
_NAME = 2.0
"""From how many words on a name or an address is one; numbers are from six digits on."""

_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
_NUMBER = regex.compile(r"\d(?:[ .,/-]?\d){5,}")
_TELLING = frozenset({FactKind.NAME, FactKind.URL})
Gram = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Pieces:
    runs: frozenset[Gram]
    sentences: frozenset[Gram]
    names: frozenset[Gram]


def leaked(output: Sequence[str], prompt: Sequence[str], given: Sequence[str]) -> list[str]:
    """The pieces of the output's texts, in small letters, that one of the prompt's texts has and none of the given
    ones. `given` are the source and whatever else the caller sent. White space and punctuation don't count."""
    pieces = [_pieces(text) for text in dict.fromkeys(prompt)]
    known = [_spaced(words(text)) for text in given]
    found = (gram for text in output for gram in _found(text, pieces))
    return list(dict.fromkeys(" ".join(gram) for gram in found if not any(_holds(text, gram) for text in known)))


def _found(text: str, pieces: Sequence[_Pieces]) -> list[Gram]:
    tokens = words(text)
    whole, runs, short = _spaced(tokens), _runs(tokens), _short_sentences(text)
    found = [run for run in runs if any(run in own.runs for own in pieces)]
    found += [one for one in short if any(one in own.sentences for own in pieces)]
    return found + [name for own in pieces for name in sorted(own.names) if _holds(whole, name)]


@lru_cache(1024)
def _pieces(text: str) -> _Pieces:
    names = [tuple(words(fact.text)) for fact in facts(text) if fact.kind in _TELLING]
    names = [name for name in names if sum(map(_length, name)) >= _NAME]
    numbers = [tuple(words(number)) for number in _NUMBER.findall(text)]
    return _Pieces(frozenset(_runs(words(text))), frozenset(_short_sentences(text)), frozenset(names + numbers))


def _runs(tokens: Sequence[str]) -> list[Gram]:
    """At each place the shortest run that is long enough."""
    lengths = [_length(token) for token in tokens]
    runs, end, length = [], 0, 0.0
    for start in range(len(tokens)):
        while length < RUN and end < len(tokens):
            length += lengths[end]
            end += 1
        if length >= RUN:
            runs.append(tuple(tokens[start:end]))
        length -= lengths[start]
    return runs


def _short_sentences(text: str) -> list[Gram]:
    split = [tuple(words(sentence)) for sentence in sentences(text)]
    return [tokens for tokens in split if _SHORT <= sum(map(_length, tokens)) < RUN]


def _length(token: str) -> float:
    return 0.5 if _UNSPACED.match(token) else 1.0


def _spaced(tokens: Sequence[str]) -> str:
    return f" {' '.join(tokens)} "


def _holds(spaced: str, gram: Gram) -> bool:
    return f" {' '.join(gram)} " in spaced
