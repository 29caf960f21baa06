"""What subjects are asked that take a chat's messages: the same words as Copydesk's prompt makes of a text."""

import json
from collections.abc import Mapping

from bench.side_by_side.subjects.subject import TEXT, Request

__all__ = ["SYSTEM", "USER", "completion"]

SYSTEM = (
    "You summarize documents. Use only what the document says. Keep names, numbers and dates as they stand there. "
    "Write in the language of the document, unless asked for another one. Answer with the summary only."
)
USER = "<document>\n{text}\n</document>\n\nSummarize the facts of the document in plain sentences in at most 30 words."


def completion(path: str, model: str | None, headers: Mapping[str, str], *, stream: bool = False) -> Request:
    """A request in the form of OpenAI's chat completions; without a model where the path names it."""
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": USER.replace("{text}", TEXT)}]
    body: dict[str, object] = {"messages": messages, "temperature": 0, "max_tokens": 512, "stream": stream}
    if model is not None:
        body = {"model": model, **body}
    return Request(path, json.dumps(body), headers)
