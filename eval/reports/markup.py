"""Untrusted texts in GitHub's Markdown.

What is told of them must show as it is, and must do nothing: no table ends early, no HTML takes effect, nobody is
mentioned, nothing is linked. GitHub looks for mentions and references in what was rendered, so that escapes don't
help; it leaves out what stands in code (https://github.github.com/gfm/ for the rest).
"""

from html import escape

import regex

from eval.reports.differences import Piece
from eval.reports.texts import one_line, shortened, visible

__all__ = ["cell_code", "code", "html_code", "html_pieces", "plain"]

_SPECIAL = regex.compile(r"[\\`*_{}\[\]<>#+\-.!|~@:&$^=]")
_LINKING = regex.compile(r"@|#|:(?=//)|\b(?:www(?=\.)|GH(?=-))")
_NO_SPACE = "\u200b"
_WORDS = 400
_NAME = 80
"""Characters of a name; no name may fill a table."""


def plain(text: str) -> str:
    """Words of our own, such as a metric's title or a verdict's note, outside code."""
    broken = _LINKING.sub(rf"\g<0>{_NO_SPACE}", one_line(shortened(text, _WORDS)))
    return _SPECIAL.sub(r"\\\g<0>", broken)


def code(text: str) -> str:
    """A name as inline code."""
    line = one_line(shortened(text, _NAME)) or "(empty)"
    runs = [len(run) for run in regex.findall("`+", line)]
    fence = "`" * (next(size for size in range(1, len(runs) + 2) if size not in runs))
    return f"{fence} {line} {fence}" if "`" in (line[0], line[-1]) else f"{fence}{line}{fence}"


def cell_code(text: str) -> str:
    """The same in a cell of a table, which a pipe ends even within code."""
    return code(text).replace("|", r"\|")


def html_code(text: str) -> str:
    """A name as code in a block of HTML."""
    return f"<code>{escape(one_line(shortened(text, _NAME))) or '(empty)'}</code>"


def html_pieces(pieces: list[Piece], tag: str) -> str:
    """A whole text as code in a block of HTML, which a blank line would end; `tag` (`del`, `ins`) marks what the other
    text doesn't have."""
    shown = [_html(text) if is_common else f"<{tag}>{_html(text)}</{tag}>" for text, is_common in pieces]
    return f"<code>{''.join(shown)}</code>" if shown else "<i>(empty)</i>"


def _html(text: str) -> str:
    return "<br>".join(escape(line) for line in regex.split(r"[\n\u2028\u2029]", visible(text)))
