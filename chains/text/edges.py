"""Where a mention may begin and end: never inside a grapheme cluster, never inside a word."""

import regex

__all__ = ["may_begin", "may_end", "next_begin"]

_BOUNDARY = regex.compile(r"(?V1w)\b")
_ASCII_WORD = regex.compile(r"[a-zA-Z0-9]*+")
_CLUSTER = regex.compile(r"\X")
_FLAG = regex.compile(r"[\U0001f1e6-\U0001f1ff]")
# An article that lost its vowel, and what languages hang on a name by an apostrophe: 's, Turkish cases.
_ELIDED = regex.compile(r"(?<![\p{L}\p{M}\p{N}])(?:[cdjlmnst]|qu|un|all|dall|[dns]ell|sull)['’]\Z")
_HUNG_ON = regex.compile(r"['’](?!t\b)\p{Ll}{1,6}\b")
_HANGUL = regex.compile(r"\p{Hangul}")
_LONGEST_ARTICLE = 8
_NEARBY = 64
_MOST_FLAGS = 4096


def may_begin(text: str, offset: int) -> bool:
    """Whether a mention may begin there: at a word boundary of UAX #29, or behind an elided article (l'Oréal)."""
    if not _parts_clusters(text, offset):
        return False
    return _is_boundary(text, offset) or (offset > 0 and text[offset - 1] in "'’" and _elided(text, offset))


def may_end(text: str, offset: int) -> bool:
    """Whether a mention may end there: at a word boundary of UAX #29, before what an apostrophe hangs on the word
    (Ada's, İstanbul'da), or between Hangul syllables, since particles follow a Korean name without a space."""
    if not _parts_clusters(text, offset):
        return False
    if _is_boundary(text, offset):
        return True
    if text[offset] in "'’":
        return _HUNG_ON.match(text, offset) is not None
    return _HANGUL.match(text, offset - 1) is not None and _HANGUL.match(text, offset) is not None


def next_begin(text: str, offset: int) -> int:
    """Where to look for a mention that doesn't begin at the offset: further on, and not within a word of ASCII."""
    found = _ASCII_WORD.match(text, offset)
    return max(offset + 1, found.end() if found else 0)


def _is_boundary(text: str, offset: int) -> bool:
    near, at = _near(text, offset)
    return _BOUNDARY.match(near, at) is not None


def _parts_clusters(text: str, offset: int) -> bool:
    if offset in (0, len(text)):
        return True
    before, after = text[offset - 1], text[offset]
    if before < "\x80" and after < "\x80":
        return before + after != "\r\n"
    near, at = _near(text, offset)
    return any(cluster.start() == at for cluster in _CLUSTER.finditer(near, 0, min(len(near), at + 1)))


def _elided(text: str, offset: int) -> bool:
    return _ELIDED.search(text[max(0, offset - _LONGEST_ARTICLE) : offset]) is not None


def _near(text: str, offset: int) -> tuple[str, int]:
    """A stretch of the text around the offset and where the offset is in it: what decides about an edge stands close
    by. Flags are pairs of letters, so that stretch begins with the first of them."""
    start = max(0, offset - _NEARBY)
    least = max(0, offset - _MOST_FLAGS)
    while start > least and _FLAG.match(text, start) and _FLAG.match(text, start - 1):
        start -= 1
    return text[start : offset + _NEARBY], offset - start
