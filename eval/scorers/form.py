"""Whether a summary has the form that was asked for: bullets, or a headline."""

import regex

from eval.scorers.tokens import sentences

__all__ = ["is_bullets", "is_headline"]

_BULLET = regex.compile(r"\s*(?:[-*+•·‣◦▪–—・●○■□]|\d{1,2}[.)、．](?!\d))\s*\S")


def is_bullets(text: str) -> bool:
    """Whether each line that isn't empty begins with a mark or a number, and there is at least one."""
    lines = [line for line in text.splitlines() if line.strip()]
    return bool(lines) and all(_BULLET.match(line) for line in lines)


def is_headline(text: str) -> bool:
    """Whether it is one sentence or part of one, on one line, and no bullet."""
    return len(sentences(text)) == 1 and not is_bullets(text)
