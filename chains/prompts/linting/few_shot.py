"""Few-shot examples that are written into a body, where nothing tells them apart from instructions."""

import re

from chains.prompts.linting.tokens import Tag, pieces, place_in

__all__ = ["first_example"]

_LABEL = re.compile(r"^[ \t>*#-]*\b(input|output|question|answer|q|a|examples?(?: \d+)?)\b[*]*:(.*)$", re.I | re.M)
_ANSWERS = {"input": "output", "question": "answer", "q": "a"}
_TAG = "\x00"


def first_example(text: str) -> tuple[int, int, str] | None:
    """Line, column (from 1) and label of the first example in a template's text: an `Input:` with an `Output:`, a
    `Q:` with an `A:`, or the first of several `Example:` headings.

    Both sides must be written out: a question that is a value, or an answer that is left to the model, is no example.
    """
    if not _LABEL.search(text):
        return None
    masked = _masked(text)
    written = [(found[1].lower(), found.start(1)) for found in _LABEL.finditer(masked) if _is_written(masked, found)]
    for number, (label, start) in enumerate(written):
        later = [name for name, _ in written[number + 1 :]]
        if _ANSWERS.get(label) in later or (label.startswith("example") and any(map(_is_heading, later))):
            return *place_in(text, start), text[start : start + len(label)]
    return None


def _is_heading(label: str) -> bool:
    return label.startswith("example")


def _is_written(text: str, found: re.Match[str]) -> bool:
    """Whether fixed text follows the label, on its line or on the next one."""
    said = found[2] if found[2].strip() else text[found.end() + 1 :].split("\n", 1)[0]
    return bool(said.strip()) and _TAG not in said


def _masked(text: str) -> str:
    """The text with every tag as marks, line breaks kept."""
    masked = list(text)
    for part in pieces(text):
        if isinstance(part, Tag):
            masked[part.start : part.end] = [
                "\n" if character == "\n" else _TAG for character in text[part.start : part.end]
            ]
    return "".join(masked)
