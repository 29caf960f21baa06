"""Texts as tokens and sentences, in any script: what scorers compare."""

import unicodedata

import regex

__all__ = ["folded", "pieces", "sentences", "words"]

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = regex.compile(rf"[{_UNSPACED}]\p{{M}}*|[\p{{L}}\p{{M}}\p{{N}}--[{_UNSPACED}]]+", regex.V1)
_PIECE = regex.compile(rf"{_WORD.pattern}|[^\s\p{{L}}\p{{M}}\p{{N}}]", regex.V1)
_SENTENCE_END = regex.compile(
    r"(?=\s)(?<=\p{Sentence_Terminal}[\"'”’»)\]]*)\s+|(?![」』”）])(?<=[。！？．][」』”）]*)|[\r\n]+"
)


def words(text: str) -> list[str]:
    """Runs of letters, marks and digits, case folded, in compatibility form; a character of a script that is written
    without spaces (Chinese, Japanese, Thai, ...) is a word. On ASCII the same as rouge-score's default tokenizer."""
    return _WORD.findall(folded(text))


def pieces(text: str) -> list[str]:
    """The words as `words` finds them, and each punctuation mark and symbol."""
    return _PIECE.findall(folded(text))


def sentences(text: str) -> list[str]:
    """The lines, divided after sentence terminators that are followed by white space, or are those of Chinese and
    Japanese. Abbreviations divide too."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part and part.strip()]


def folded(text: str) -> str:
    """Case folded, in compatibility form (NFKC): full-width digits are digits."""
    return unicodedata.normalize("NFKC", text).casefold()
