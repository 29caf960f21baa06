"""What the caller wishes, as the inputs of the task's prompts: all of them take the same."""

from typing import Any

from chains.tasks.summarize.contract import SummarizeRequest, SummaryStyle

__all__ = ["inputs"]


def inputs(
    request: SummarizeRequest, text: str, *, max_words: int | None = None, style: SummaryStyle | None = None
) -> dict[str, Any]:
    """The inputs for this text; words and style are the request's unless they are given."""
    return {
        "text": text,
        "style": (style or request.style).value,
        "max_words": max_words or request.max_words,
        "focus": request.focus or "",
        "audience": request.audience or "",
        "language": request.language or "",
    }
