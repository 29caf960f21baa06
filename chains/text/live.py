"""Text that is given out while it is written."""

from chains.text.words import sentence_end, word_ends

__all__ = ["LiveText"]

_CUT = "…"
_UNSETTLED = 2


class LiveText:
    """Pieces in, what may be given out of them at once: no white space around the whole, and at most `limit` words
    (None: any number). Where the limit is reached the text ends behind its last word, marked by an ellipsis unless a
    sentence ends there. `text` is all that was given out, `is_full` tells that no more will be.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.is_full = False
        self._limit = limit
        self._given: list[str] = []
        self._held = ""
        # How many words were given out that no further letter can change, and the text behind them.
        self._words = 0
        self._tail = ""

    @property
    def text(self) -> str:
        return "".join(self._given)

    def feed(self, piece: str) -> str:
        """What may be given out now."""
        if self.is_full:
            return ""
        fresh = self._held + piece
        if not self._given:
            fresh = fresh.lstrip()
        out = fresh.rstrip()
        self._held = fresh[len(out) :]
        return self._give(self._within_limit(out))

    def cut(self) -> str:
        """The mark of a text that its writer didn't end; what may be given out for it."""
        self.is_full = True
        return self._give(_CUT)

    def _give(self, out: str) -> str:
        if out:
            self._given.append(out)
        return out

    def _within_limit(self, out: str) -> str:
        if self._limit is None or not out:
            return out
        text, given = self._tail + out, len(self._tail)
        if self._words + len(text) <= self._limit:  # however short its words are
            self._tail = text
            return out
        ends = word_ends(text)
        room = self._limit - self._words
        if len(ends) > room:
            self.is_full = True
            last = ends[room - 1] if room else 0
            ended = sentence_end(text, last)
            return text[given:ended] if ended else text[given : max(last, given)] + _CUT
        if len(ends) > _UNSETTLED:
            settled = ends[-_UNSETTLED - 1]
            self._words += len(ends) - _UNSETTLED
            self._tail = text[settled:]
        else:
            self._tail = text
        return out
