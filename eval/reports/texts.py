"""Texts of cases and answers as reports show them: with what is invisible made visible, and cut where they are long.

They are untrusted: an answer may hold control characters that no XML can carry, or marks that turn the direction of
what follows them, so that a reader sees another text than the one that was scored.
"""

import regex

__all__ = ["one_line", "shortened", "visible"]

# Controls (but tab and line feed), marks of direction that reorder (U+202A to 202E, 2066 to 2069), interlinear marks,
# and the two code points that XML 1.0 (section 2.2) rules out. Joiners stay: emoji and Persian are spelt with them.
_HIDDEN = regex.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]")
_PICTURES = 0x2400
_DELETE = 0x7F
_CLUSTER = 64
"""Code points around a cut: what is seen as one character has fewer."""


def visible(text: str) -> str:
    """The text with line feeds as ends of lines and its hidden characters as pictures (U+2400 and following) or as
    their code point: `␀`, `⟨U+202E⟩`."""
    return _HIDDEN.sub(lambda found: _shown(ord(found[0])), text.replace("\r\n", "\n"))


def _shown(code: int) -> str:
    if code < 0x20:
        return chr(_PICTURES + code)
    return "␡" if code == _DELETE else f"⟨U+{code:04X}⟩"


def one_line(text: str) -> str:
    """The visible text on one line, with `⏎` where a line ended: for names and cells of tables."""
    return " ⏎ ".join(line.strip() for line in visible(text).strip().splitlines())


def shortened(text: str, limit: int) -> str:
    """At most `limit` characters of the text, and how many more there are; never half a character that is seen as
    one (an emoji with its skin tone, a letter with its accent)."""
    if len(text) <= limit:
        return text
    start = max(0, limit - _CLUSTER)
    ends = (start + cluster.end() for cluster in regex.finditer(r"\X", text[start : limit + _CLUSTER]))
    kept = max((end for end in ends if end <= limit), default=start)
    return f"{text[:kept]}… ({len(text) - kept:,} more characters)"
