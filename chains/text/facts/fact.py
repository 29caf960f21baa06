"""What a fact is."""

from dataclasses import dataclass
from enum import Enum

import regex

__all__ = ["Fact", "FactKind", "fold_digits"]


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


_FOREIGN_DIGIT = regex.compile(r"(?V1)[\p{Nd}--[0-9]]")
_ASCII = str.maketrans("．，：％٪٫٬／－−", ".,:%%.,/--")


def fold_digits(text: str) -> str:
    """The text with the digits of all scripts as 0 to 9, and their punctuation in ASCII; of the same length."""
    if text.isascii():
        return text
    return _FOREIGN_DIGIT.sub(lambda match: str(int(match.group())), text.translate(_ASCII))
