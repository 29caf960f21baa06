"""What a model wrote around its answer, and whether it kept the script of the source."""

import regex

__all__ = ["around", "bare", "has_words", "is_copy", "script_of"]

_PREAMBLE = regex.compile(
    r"""(?xi)
    (?:(?:sure|certainly|of\ course|okay|ok|gerne|natürlich)[!,.]?\s{1,4}+)?+
    (?: here(?:['’]s|\ is|\ are)\b [^\n:]{0,80}+
      | hier\ ist\b [^\n:]{0,80}+
      | (?:the\ )?(?:rewritten|revised|rephrased|improved|shortened|cleaned)\ (?:text|version|sentence|question
        |transcript|document) [^\n:]{0,40}+
    ) :\s{0,8}+
    """
)
_PAIRS = (('"', '"'), ("“", "”"), ("„", "“"), ("«", "»"), ("'", "'"), ("<document>", "</document>"), ("```", "```"))
_SCRIPTS = ("Latin", "Cyrillic", "Greek", "Arabic", "Hebrew", "Han", "Hangul", "Thai", "Devanagari", "Kana")
_LETTERS = {
    name: regex.compile(rf"\p{{{name}}}" if name != "Kana" else r"[\p{Hiragana}\p{Katakana}]") for name in _SCRIPTS
}
_WORD = regex.compile(r"[\p{L}\p{N}]")
_SAMPLE = 20_000
_LEAST = 4
_MOST_OF_IT = 0.6


def around(text: str) -> tuple[str, str, str]:
    """The white space before a text, the text, and the white space after it."""
    inside = text.strip()
    start = len(text) - len(text.lstrip())
    return text[:start], inside, text[start + len(inside) :]


def bare(answer: str, source: str) -> str:
    """The answer without what is certainly not part of it: a line that announces it, and quotation marks, a code fence
    or the tags of the prompt around the whole. What the source has itself stays."""
    text = answer.strip()
    if not _PREAMBLE.match(source.lstrip()) and (match := _PREAMBLE.match(text)):
        text = text[match.end() :].strip() or text
    for opening, closing in _PAIRS:
        inside = text[len(opening) : -len(closing)]
        wrapped = len(text) > len(opening) + len(closing) and text.startswith(opening) and text.endswith(closing)
        if wrapped and opening not in inside and closing not in inside and not source.lstrip().startswith(opening):
            text = inside.strip() or text
    return text


def is_copy(answer: str, source: str) -> bool:
    """Whether only white space and capitals differ."""
    return "".join(answer.split()).casefold() == "".join(source.split()).casefold()


def has_words(text: str) -> bool:
    """Whether there is anything to rewrite: more than one letter, digit or ideograph."""
    first = _WORD.search(text)
    return first is not None and _WORD.search(text, first.end()) is not None


def script_of(text: str) -> str | None:
    """The script of at least six of ten of the first letters of a text; None where it has few, or of several scripts.

    Chinese is Han, Japanese is Kana. The language within a script isn't told.
    """
    sample = text[:_SAMPLE]
    counts = {name: len(pattern.findall(sample)) for name, pattern in _LETTERS.items()}
    if counts["Kana"]:
        counts["Kana"] += counts.pop("Han")
    name = max(counts, key=lambda script: counts[script])
    total = sum(counts.values())
    return name if total >= _LEAST and counts[name] >= _MOST_OF_IT * total else None
