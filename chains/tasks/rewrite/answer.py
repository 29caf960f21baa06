"""What a model wrote around its answer, and whether it wrote anything of its own."""

import regex

__all__ = ["around", "bare", "has_words", "is_copy"]

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
_WORD = regex.compile(r"[\p{L}\p{N}]")


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
