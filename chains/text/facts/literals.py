"""Facts that are kept to the letter: addresses, placeholders and code.

Every pattern begins where a word begins and is bounded or possessive, so that no text makes it go back over itself.
"""

import re
from collections.abc import Iterator

import regex

from chains.text.facts.places import in_words_with

__all__ = ["code_key", "code_spans", "identifier_spans", "placeholder_key", "placeholder_spans", "url_key", "url_spans"]

Span = tuple[int, int]

_URL = regex.compile(
    r"""(?xi)
    (?<![\p{Lu}\p{Ll}\p{N}_@.]) (?:
      (?:https?|ftp|mailto|tel) : (?://)? [^\s<>"'`{}|\\^\u3000-\u9fff\uff00-\uffef\ue000]++
    | www\. [^\s<>"'`{}|\\^\u3000-\u9fff\uff00-\uffef\ue000]++
    | (?:[a-z0-9](?:[a-z0-9-]{0,62})\.){1,6}+ (?<=\.) (?:com|org|net|edu|gov|eu|de|at|ch|uk|fr|io|example|invalid)
      (?:/[^\s<>"'`{}|\\^\u3000-\u9fff\uff00-\uffef\ue000]*+)? (?![\p{L}\p{N}_@-]|\.[\p{L}\p{N}])
    )
    | (?<![\p{L}\p{N}_.+%@-]) [\p{L}\p{N}_.+%-]{1,64}+ @ [\p{L}\p{N}-]{1,63}+ (?:\.[\p{L}\p{N}-]{1,63}+){1,6}+
    """
)
_URL_MARK = re.compile(r"[:.@][^ \n]")
_HOST = regex.compile(r"(?:[a-z]{1,8}://)?[^/?#]*", regex.IGNORECASE)
_TRAILING = ".,;:!?…'\"”’»"

_PLACEHOLDER = regex.compile(
    r"""(?x)
    \{\{\{? [^{}\n\ue000]{1,100}+ \}\}\}?
    | \{%  [^{}\n%\ue000]{1,100}+ %\}
    | \$\{ [^{}\n\ue000]{1,100}+ \}
    | \{ \ ?+ [\p{L}\p{N}_.\-]{0,60}+ (?:[:!][^{}\n\ue000]{0,20}+)? \ ?+ \}
    | (?<![\p{N}%]) (?<!\p{N}\ ) % (?:\([\p{L}\p{N}_]{1,60}+\)|\d{1,2}\$)? [sdif@] (?![\p{L}\p{N}_])
    | < [\p{L}_][\p{L}\p{N}_.\-]{0,60}+ (?:\ [\p{L}\p{N}_.\-]{1,60}+){0,4}+ >
    """
)
# What stands in angle brackets in HTML is no placeholder.
_ELEMENTS = (
    "a abbr b body br code dd div dl dt em h1 h2 h3 h4 h5 h6 head hr html i img li ol p pre s small span strong sub "
    "sup table tbody td th thead title tr tt u ul document"
)
_HTML = frozenset(_ELEMENTS.split())

_QUOTED_CODE = regex.compile(r"```[^`]++(?:`{1,2}(?!`)[^`]++)*+```|`[^`\n]{1,500}+`")
_IDENTIFIER = regex.compile(
    r"""(?x) (?<![\p{Latin}\p{N}_]) (?:
      __?[\p{Latin}\p{N}]++(?:_++[\p{Latin}\p{N}]*+)*+ (?:\(\))?
    | \p{Latin}[\p{Latin}\p{N}]*+(?:_++[\p{Latin}\p{N}]++)++_*+ (?:\(\))?
    | [a-z]{2,40}+ [A-Z] [\p{Latin}\p{N}]*+ (?:\(\))?
    | \p{Latin}[\p{Latin}\p{N}.]{0,80}+ \(\)
    | [\p{Latin}\p{N}][\p{Latin}\p{N}\-]{0,80}+ \.
      (?:py|js|ts|java|json|ya?ml|toml|xml|csv|html?|md|txt|pdf|docx?|xlsx?|sh|sql|zip) (?![\p{Latin}\p{N}_])
    | \p{Latin}{1,12}+ -?+ \d [\p{Latin}\d]*+ (?:-[\p{Latin}\d]++){0,8}+
    )
    | (?<!\S) --\p{Latin}[\p{Latin}\p{N}\-]*+
    | (?<!\S) [~.]{0,2}+ (?:/[\p{Latin}\p{N}_.\-]++){2,40}+
    """
)
_IDENTIFIER_MARK = re.compile(r"(?=[A-Z0-9_/.(-])(?:[_/]|\(\)|--|(?<=[a-z])[A-Z]|\.[a-z]|(?<=[^\s0-9.,(])[0-9])")
_CODE_WORD = regex.compile(r"[\p{L}\p{N}_$]+")


def url_spans(text: str) -> Iterator[Span]:
    """Addresses of pages, files and people (e-mail), without the punctuation of the sentence around them."""
    for match in in_words_with(_URL_MARK, _URL, text):
        found = match.group()
        kept = found.rstrip(_TRAILING)
        while kept.endswith((")", "]")) and kept.count(kept[-1]) > kept.count("(" if kept[-1] == ")" else "["):
            kept = kept[:-1].rstrip(_TRAILING)
        if len(kept) > 4:
            yield match.start(), match.start() + len(kept)


def url_key(text: str) -> str:
    """What is the same for the same address: the case of its host, `https://`, `www.` and a last slash don't count."""
    bare = text.removeprefix("mailto:")
    host = _HOST.match(bare)
    end = host.end() if host else 0
    return regex.sub(r"^(?:https?://)?(?:www\.)?", "", bare[:end].lower()) + bare[end:].rstrip("/")


def placeholder_spans(text: str) -> Iterator[Span]:
    """`{name}`, `{{ name }}`, `{% tag %}`, `${name}`, `%s`, `%(name)s`, `<name>`; not the elements of HTML."""
    for match in _PLACEHOLDER.finditer(text):
        found = match.group()
        if found[0] != "<" or found[1:-1].partition(" ")[0].lower() not in _HTML:
            yield match.span()


def placeholder_key(text: str) -> str:
    return "".join(text.split())


def code_spans(text: str) -> Iterator[Span]:
    """What stands in backticks."""
    for match in _QUOTED_CODE.finditer(text):
        yield match.span()


def identifier_spans(text: str) -> Iterator[Span]:
    """snake_case, camelCase, calls(), file.txt, paths of two parts, --options, and words that hold digits (INV-17)."""
    for match in in_words_with(_IDENTIFIER_MARK, _IDENTIFIER, text):
        yield match.span()


def code_key(text: str) -> frozenset[str]:
    """The words that code consists of; their case counts."""
    return frozenset(_CODE_WORD.findall(text))
