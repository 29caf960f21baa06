"""Where in a text a slow pattern is worth trying: most of a text holds no fact, and a simple pattern tells.

A mark is a simple pattern that matches wherever the slow one may. All functions find what `pattern.finditer(text)`
finds, and where there is no mark they take the time of the mark alone.
"""

import re
from collections.abc import Iterable, Iterator

import regex

__all__ = ["any_of", "beginning_at", "in_words_with", "near"]

Match = regex.Match[str]
Mark = re.Pattern[str] | regex.Pattern[str]


def beginning_at(mark: Mark, pattern: regex.Pattern[str], text: str) -> Iterator[Match]:
    """The matches of a pattern that begins where a mark begins. No mark begins inside of another one."""
    behind = 0
    for place in mark.finditer(text):
        if place.start() >= behind and (match := pattern.match(text, place.start())):
            yield match
            behind = match.end()


def near(mark: Mark, before: int, pattern: regex.Pattern[str], text: str) -> Iterator[Match]:
    """The matches of a pattern that holds a mark at most so many code points behind its beginning."""
    behind = 0
    while (place := mark.search(text, behind)) and (match := pattern.search(text, max(behind, place.start() - before))):
        yield match
        behind = match.end()


def in_words_with(mark: Mark, pattern: regex.Pattern[str], text: str) -> Iterator[Match]:
    """The matches of a pattern that holds a mark and no space."""
    end = 0
    while place := mark.search(text, end):
        start = text.rfind(" ", end, place.start()) + 1 or end
        end = text.find(" ", place.end())
        end = len(text) if end < 0 else end
        yield from pattern.finditer(text, start, end)


def any_of(words: Iterable[str]) -> str:
    """A pattern of the words that looks at each letter once: `may mar` become `ma(?:y|r)`."""
    rest: dict[str, list[str]] = {}
    for word in words:
        rest.setdefault(word[:1], []).append(word[1:])
    ends = rest.pop("", None) is not None
    branches = "|".join(regex.escape(letter) + any_of(tails) for letter, tails in rest.items())
    return f"(?:{branches}){'?' if ends else ''}" if branches else ""
