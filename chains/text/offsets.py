"""Offsets as the caller counts them: UTF-16 code units (Java, JavaScript, C#) or Unicode code points (Python)."""

from bisect import bisect_right
from enum import Enum

__all__ = ["StringIndexType", "Utf16Index"]


class StringIndexType(str, Enum):
    """The unit of `offset` and `length`."""

    UTF16 = "utf16"
    UNICODE = "unicode"


class Utf16Index:
    """Converts code point offsets into `text` to UTF-16 offsets: O(n) to build, O(log n) to ask."""

    def __init__(self, text: str) -> None:
        self._astral = [position for position, char in enumerate(text) if char > "\uffff"]

    def offset(self, code_point: int) -> int:
        """The UTF-16 code units before the code point at `code_point`."""
        return code_point + bisect_right(self._astral, code_point - 1)
