"""How sure a model was of the labels in an answer that it wrote under a schema, by the log-probabilities of its tokens.

Servers report what the model itself would have said, before the schema ruled out the rest. So each token counts with
its share among those of the reported alternatives that some label still allows.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import regex

__all__ = ["label_probabilities"]

_VALUE = regex.compile(r'"(?:[^"\\]|\\.)*"')
_KEY = regex.compile(r'"labels?"\s*:\s*\[?\s*')

Token = Mapping[str, Any]


def label_probabilities(tokens: Sequence[Token], names: Sequence[str]) -> dict[str, float] | None:
    """Of each label that the answer names, its likelihood among all labels where it stands, 0 to 1.

    `tokens` are those of the answer, each with `token`, `logprob` and `top_logprobs`; they joined are its text. None
    where they hold no label, or no alternatives are reported: nothing is measured then.
    """
    text = "".join(token["token"] for token in tokens)
    key = _KEY.search(text)
    if key is None:
        return None
    written = {form: name for name in names for form in _forms(name)}
    found: dict[str, float] = {}
    for value in _VALUE.finditer(text, key.end()):
        if value.group() not in written:
            return None
        likelihood = _likelihood(tokens, value.start(), value.group(), list(written))
        if likelihood is None:
            return None
        found.setdefault(written[value.group()], likelihood)
    return found or None


def _forms(name: str) -> set[str]:
    """How a label may be written in JSON."""
    return {json.dumps(name), json.dumps(name, ensure_ascii=False)}


def _likelihood(tokens: Sequence[Token], start: int, said: str, written: Sequence[str]) -> float | None:
    """Of the value `said` that begins at `start` of the answer, among all that might be `written` there."""
    end, at, logprob = start + len(said), 0, 0.0
    for token in tokens:
        first, last = at, at + len(token["token"])
        at = last
        if last <= start or first >= end or first == last:
            continue
        if not token.get("top_logprobs"):
            return None
        lead = max(0, start - first)
        before = said[: max(0, first - start)]
        open_still = [form for form in written if form.startswith(before)]
        logprob += _share(token, lead, before, open_still, said)
    return math.exp(logprob)


def _share(token: Token, lead: int, before: str, open_still: Sequence[str], said: str) -> float:
    """The logarithm of what the token has of the likelihood that the alternatives have together; of each, `lead`
    characters stand before the value."""
    opening = token["token"][:lead]
    options = {token["token"]: token["logprob"]}
    for other in token["top_logprobs"]:
        options.setdefault(other["token"], other["logprob"])
    allowed = right = 0.0
    for text, logprob in options.items():
        if not text.startswith(opening) or len(text) == lead:
            continue
        written = before + text[lead:]
        if any(_agree(written, form) for form in open_still):
            allowed += math.exp(logprob)
            right += math.exp(logprob) if _agree(written, said) else 0.0
    return math.log(right / allowed) if right and allowed else 0.0


def _agree(written: str, form: str) -> bool:
    return form.startswith(written) or written.startswith(form)
