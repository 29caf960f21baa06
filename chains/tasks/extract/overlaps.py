"""Which entities stay where several claim the same words."""

from collections.abc import Iterable
from dataclasses import dataclass

from chains.text import Mention

__all__ = ["Placed", "without_overlaps"]


@dataclass(frozen=True, slots=True)
class Placed:
    """A mention and the type that it is said to have."""

    mention: Mention
    type: str


def without_overlaps(found: Iterable[Placed]) -> list[Placed]:
    """The entities in the order of the text, no two of which share a character.

    Of those that overlap the longest stays; of those that are equally long, the one that was named first. So "New York
    Times" stands and "New York" within it doesn't, and a stretch that is named under two types has the first.
    """
    ranked = sorted(enumerate(found), key=lambda item: (_begin(item[1]) - _end(item[1]), item[0]))
    reach = max((_end(placed) for _, placed in ranked), default=0)
    taken = bytearray(reach)
    kept = []
    for _, placed in ranked:
        start, end = _begin(placed), _end(placed)
        # What stays is no shorter than what comes later, so an overlap shows at one of its ends.
        if not (taken[start] or taken[end - 1]):
            taken[start:end] = b"\1" * (end - start)
            kept.append(placed)
    return sorted(kept, key=_begin)


def _begin(placed: Placed) -> int:
    return placed.mention.start


def _end(placed: Placed) -> int:
    return placed.mention.end
