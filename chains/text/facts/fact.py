"""What a fact is."""

import unicodedata
from dataclasses import dataclass
from enum import Enum

import regex

__all__ = ["Fact", "FactKind", "fold_case", "fold_digits"]


class FactKind(str, Enum):
    """What a fact states."""

    NUMBER = "number"
    DATE = "date"
    NAME = "name"
    URL = "url"
    CODE = "code"
    PLACEHOLDER = "placeholder"


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact as it stands in a text: code points `start` (included) to `end` (excluded) hold `text`."""

    kind: FactKind
    text: str
    start: int
    end: int


_PUNCTUATION = str.maketrans("．，：％٪٫٬／－−", ".,:%%.,/--")
_FOREIGN = regex.compile(rf"(?V1)[[\p{{Nd}}--[0-9]]{''.join(map(chr, _PUNCTUATION))}]")
_NO_DIGIT = "\ufffd"


def fold_digits(text: str) -> str:
    """The text with the digits of all scripts as 0 to 9, and their punctuation in ASCII; of the same length.

    The digits of a script that is younger than this Python's tables are none, as nobody knows what they count.
    """
    if text.isascii() or not _FOREIGN.search(text):
        return text
    return _FOREIGN.sub(lambda match: _folded(match.group()), text)


def _folded(char: str) -> str:
    if ord(char) in _PUNCTUATION:
        return str(char.translate(_PUNCTUATION))
    return str(unicodedata.decimal(char, _NO_DIGIT))


def fold_case(word: str) -> str:
    """The word in the small letters for which patterns that ignore case take it: `FRİDAY` is `friday`."""
    return word.casefold().replace("\u0307", "")
