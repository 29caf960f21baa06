"""Finding a model's words in the source text."""

from dataclasses import dataclass

from chains.text.offsets import StringIndexType, Utf16Index
from chains.text.words import word_boundaries

__all__ = ["Span", "SpanFinder"]


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open stretch of the source, in the caller's units."""

    offset: int
    length: int


class SpanFinder:
    """Finds strings in one source text, each mention once and in order.

    A string that is asked for again gives its next occurrence, so that repeated mentions get offsets of their
    own. Matching is exact, to the code point, and on whole words: "Ann" isn't found in "Anna".
    """

    def __init__(self, source: str, index_type: StringIndexType) -> None:
        self._source = source
        self._next_start: dict[str, int] = {}
        self._boundaries = frozenset(word_boundaries(source))
        self._utf16 = Utf16Index(source) if index_type is StringIndexType.UTF16 else None

    def find(self, wanted: str) -> Span | None:
        """The next occurrence of `wanted`, or None where the source holds no further one."""
        start = self._source.find(wanted, self._next_start.get(wanted, 0)) if wanted else -1
        while start >= 0 and not {start, start + len(wanted)} <= self._boundaries:
            start = self._source.find(wanted, start + 1)
        if start < 0:
            return None
        end = start + len(wanted)
        self._next_start[wanted] = end
        if self._utf16 is None:
            return Span(start, end - start)
        offset = self._utf16.offset(start)
        return Span(offset, self._utf16.offset(end) - offset)

    def found(self, wanted: str) -> bool:
        """Whether `find` has found `wanted` before."""
        return wanted in self._next_start
