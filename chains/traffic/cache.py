"""Answers that are kept to serve identical requests again: in memory, bounded, for a while."""

from collections.abc import Hashable

from cachetools import TTLCache
from langchain_core.messages import AIMessage

__all__ = ["AnswerCache"]

_ENTRY_BYTES, _LOGPROB_BYTES = 1024, 512


class AnswerCache:
    """The least recently used answers go first. `max_bytes` counts their texts and a little for each entry; 0 keeps
    nothing. An answer is forgotten `ttl_s` seconds after it was kept."""

    def __init__(self, max_bytes: int, ttl_s: float) -> None:
        self._answers: TTLCache[Hashable, AIMessage] = TTLCache(max_bytes, ttl_s, getsizeof=_size)

    def get(self, key: Hashable) -> AIMessage | None:
        return self._answers.get(key)

    def put(self, key: Hashable, answer: AIMessage) -> None:
        """Keep an answer, unless it alone is larger than the whole cache."""
        if _size(answer) <= self._answers.maxsize:
            self._answers[key] = answer


def _size(answer: AIMessage) -> int:
    logprobs = answer.response_metadata.get("logprobs", ())
    values = sum(1 + len(token["top_logprobs"]) for token in logprobs)
    return _ENTRY_BYTES + len(str(answer.text).encode()) + values * _LOGPROB_BYTES
