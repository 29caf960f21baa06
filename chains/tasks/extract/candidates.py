"""Stretches of a text that look like entities: names, numbers, addresses.

What a small model doesn't think of naming it can often still tell the kind of, when it is asked. Found by their
letters alone, so only in scripts with capitals, and digits in any. A common word that has a capital because a sentence
begins with it is none.
"""

from collections.abc import Iterator

import regex

from chains.text.facts.common_words import BEGINNERS, PARTICLES

__all__ = ["candidates"]

_L = r"\p{L}\p{M}\p{N}"
_WORD = (
    rf"(?<![{_L}_'’])\p{{Lu}}[{_L}]*+(?:[.&/-](?=[{_L}])[{_L}]++|['’](?!(?:s|m|re|ll|ve|d)\b)[{_L}]++)*+"
    r"(?:(?<=\b(?:\p{Lu}|Mr|Mrs|Ms|Dr|St|Apt|Inc|Ltd|Co|Corp|Jr|Sr|No))\.)?"
)
_LINK = r"(?:of|the|de|del|do|da|dos|van|von|der|den|di|la|le|el|al|bin|ibn|y|e|and|&|und)"
_NAME = regex.compile(rf"{_WORD}(?: (?:{_LINK} ){{0,2}}{_WORD}| \p{{N}}{{1,4}}(?![{_L}]))*+")
_NUMBER = regex.compile(
    r"(?<![\p{L}\p{N}_])[+(]?\p{N}[\p{L}\p{N}]*+(?:[ ./:\-()]{1,2}\p{N}[\p{L}\p{N}]*+|,(?=\p{N}{3})\p{N}++)*+"
)
_TOKEN = regex.compile(r"[^\s\"'()<>,]++")
_ADDRESS = regex.compile(r"[^@#].*@|://|[\p{L}\p{N}]\.\p{L}{2}")
_FIRST = regex.compile(r"(\p{L}++)(?:['’]\p{L}++)?( |\b)")
_TAG = regex.compile(r"(?<=[@#])[\p{L}\p{N}_]++")


def candidates(text: str) -> Iterator[tuple[int, int]]:
    """Stretches in code points, each once; some lie within others. Takes time linear in the text."""
    found: dict[tuple[int, int], None] = {}
    addresses = bytearray(len(text))
    for match in _TOKEN.finditer(text):
        if _ADDRESS.search(match[0]):
            start, end = match.start(), match.start() + len(match[0].rstrip(".:;!?…"))
            found[start, end] = None
            addresses[start:end] = b"\1" * (end - start)
    for pattern in (_NAME, _NUMBER, _TAG):
        for match in pattern.finditer(text):
            start, end = _without_beginners(text, match.start()), match.start() + len(match[0].rstrip(" ,;:(-/"))
            within = start < end and addresses[start] and addresses[end - 1]
            if start < end and not within and (end - start > 1 or text[start].isdigit()):
                found[start, end] = None
    yield from found


def _without_beginners(text: str, start: int) -> int:
    """Where a stretch begins without the common words before its first name: behind `Hi` in "Hi Ada"."""
    while (word := _FIRST.match(text, start)) and (known := word[1].casefold()) in BEGINNERS:
        if known in PARTICLES and word[2]:
            break
        start = word.end()
    return start
