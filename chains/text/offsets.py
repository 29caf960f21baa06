"""Offsets as the caller counts them: UTF-16 code units (Java, JavaScript, C#) or Unicode code points (Python)."""

import re
from bisect import bisect_right
from enum import Enum

__all__ = ["StringIndexType", "Utf16Index"]


_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


class StringIndexType(str, Enum):
    """The unit of `offset` and `length`."""

    UTF16 = "utf16"
    UNICODE = "unicode"


class Utf16Index:
    """Converts code point offsets into `text` to UTF-16 offsets: O(n) to build, O(log n) to ask."""

    def __init__(self, text: str) -> None:
        self._astral = [match.start() for match in _ASTRAL.finditer(text)]

    def offset(self, code_point: int) -> int:
        """The UTF-16 code units before the code point at `code_point`."""
        return code_point + bisect_right(self._astral, code_point - 1)
