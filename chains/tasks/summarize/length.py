"""A summary has at most the words that it may have: one second request, then a cut at the end of a sentence."""

from collections.abc import Awaitable, Callable

from chains.answers import Answer, ask_for_text
from chains.errors import OutputInvalid
from chains.task import Parts
from chains.tasks.summarize.contract import SummarizeRequest
from chains.tasks.summarize.wishes import inputs
from chains.text import count_words, fit_words

__all__ = ["keep_length"]


def keep_length(parts: Parts) -> Callable[[Answer, SummarizeRequest], Awaitable[tuple[str, bool]]]:
    """The model's draft in; out come a summary within `max_words`, and whether something was cut off to get there.

    A draft that is too long is sent back once, where the prompt version pins the helper `shorten`. What is too long
    still is cut: the second draft, unless it isn't shorter than the first.
    """
    shorten = parts.helpers.get("shorten")
    ask = ask_for_text(shorten) if shorten else None

    async def kept(draft: Answer, request: SummarizeRequest) -> tuple[str, bool]:
        words = count_words(draft.text)
        if draft.finished and words <= request.max_words:
            return draft.text, False
        if ask is not None and words > request.max_words:
            try:
                second = await ask.ainvoke(inputs(request, draft.text))
            except OutputInvalid:  # it said nothing: the draft stands
                second = draft
            if count_words(second.text) < words:
                draft = second
        return fit_words(draft.text, request.max_words, complete=draft.finished)

    return kept
