"""What is done to every text that a parser gives."""

import re

__all__ = ["clean", "without_ligatures", "without_line_hyphens"]

_BREAKS = re.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")
# Tabs and line breaks are the only control characters that mean something in a text.
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_LIGATURES = {
    "\ufb00": "ff",
    "\ufb01": "fi",
    "\ufb02": "fl",
    "\ufb03": "ffi",
    "\ufb04": "ffl",
    "\ufb05": "st",
    "\ufb06": "st",
}
_LIGATURE = re.compile("[\ufb00-\ufb06]")
_SOFT = re.compile("\u00ad[ \t]*\n[ \t]*")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
# Bounded, so that a text of hyphens costs no more than its length.
_BROKEN = re.compile(r"(?<![^\W\d_])([^\W\d_]{2,60})[-\u2010][ \t]{0,4}\n[ \t]{0,4}([^\W\d_]{2,60})(?![^\W\d_])")


def clean(text: str) -> str:
    """The text with \\n for every line break, without other control characters; half a surrogate pair, which is no
    character, becomes U+FFFD."""
    return _SURROGATES.sub("\ufffd", _CONTROLS.sub("", _BREAKS.sub("\n", text)))


def without_ligatures(text: str) -> str:
    """The text with its Latin ligatures as the letters that they stand for."""
    return _LIGATURE.sub(lambda found: _LIGATURES[found[0]], text)


def without_line_hyphens(text: str) -> str:
    """The text with the words whole that a hyphen divides at the end of a line.

    A soft hyphen there always goes. A hyphen stays where the rest of the text has the word with it (`well-known`),
    or where the second half begins with a capital (`Smith-\\nJones`); then only the line break goes. Else both go.
    """
    text = _SOFT.sub("", text).replace("\u00ad", "")
    if not _BROKEN.search(text):
        return text
    known = {word.lower() for word in _WORD.findall(text)}

    def joined(found: re.Match[str]) -> str:
        first, second = found[1], found[2]
        whole, hyphened = f"{first}{second}", f"{first}-{second}"
        if whole.lower() in known and hyphened.lower() not in known:
            return whole
        return hyphened if hyphened.lower() in known or second[0].isupper() else whole

    return _BROKEN.sub(joined, text)
