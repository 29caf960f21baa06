"""Stretches of a text that look like entities: names, numbers, addresses.

What a small model doesn't think of naming it can often still tell the kind of, when it is asked. Found by their
letters alone, so only in scripts with capitals, and digits in any.
"""

from collections.abc import Iterator

import regex

__all__ = ["candidates"]

_L = r"\p{L}\p{M}\p{N}"
_WORD = (
    rf"(?<![{_L}_'’])\p{{Lu}}[{_L}]*+(?:[.&/-](?=[{_L}])[{_L}]++|['’](?!(?:s|m|re|ll|ve|d)\b)[{_L}]++)*+"
    r"(?:(?<=\b(?:\p{Lu}|Mr|Mrs|Ms|Dr|St|Apt|Inc|Ltd|Co|Corp|Jr|Sr|No))\.)?"
)
_LINK = r"(?:of|the|de|del|do|da|dos|van|von|der|den|di|la|le|el|al|bin|ibn|y|e|and|&|und)"
_NAME = regex.compile(rf"{_WORD}(?: (?:{_LINK} ){{0,2}}{_WORD}| \p{{N}}{{1,4}}(?![{_L}]))*+")
_NUMBER = regex.compile(
    r"(?<![\p{L}\p{N}])[+(]?\p{N}[\p{L}\p{N}]*+(?:[ ./:\-()]{1,2}\p{N}[\p{L}\p{N}]*+|,(?=\p{N}{3})\p{N}++)*+"
)
_TOKEN = regex.compile(r"[^\s\"'()<>,]++")
_ADDRESS = regex.compile(r"[^@#].*@|://|[\p{L}\p{N}]\.\p{L}{2}")
_TAG = regex.compile(r"(?<=[@#])[\p{L}\p{N}_]++")

# Words that stand for no thing of their own, however they are written: English only, as is much of what small models
# were trained on. A model that reads other languages well needs none of this.
_NO_NAMES = frozenset(
    "i you he she it we they me him her us them my your his its our their mine yours this that these those who whom "
    "whose which what where when why how there here a an the and or but nor so yet if then than as at by for from in "
    "into of off on onto out over to up with without within about after before between during through under until "
    "while because although though since is are was were be been being am do does did done has have had having will "
    "would shall should can could may might must let not no yes ok okay please thanks thank hi hello hey well also "
    "just only even still again too very more most much many some any all both each every other another such own same "
    "few now today yesterday tomorrow soon never always ever maybe perhaps however therefore rt via re".split()
)


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
            start, end = match.start(), match.start() + len(match[0].rstrip(" ,;:(-/"))
            within = addresses[start] and addresses[end - 1]
            word = regex.split("['’]", match[0].casefold(), maxsplit=1)[0]
            if not within and word not in _NO_NAMES and (end - start > 1 or match[0].isdigit()):
                found[start, end] = None
    yield from found
