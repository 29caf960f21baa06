"""How many tokens a prompt has, for servers that have no tokenizer to ask: two certain bounds and a guess between.

The guess learns from the counts of prompts that the server has read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["PromptSize", "TokenEstimate"]

_PER_PROMPT = 128  # more than the system messages that chat templates bring with them
_PER_MESSAGE = 16  # more than any template puts around a message
_FIRST_RATIO = 0.4  # tokens for each byte: English has 0.22 to 0.3, Chinese 0.2 to 0.4
_MARGIN = 1.1
_LEARNT = 0.2  # the weight of a new prompt where it lowers the ratio; a higher one counts at once
_SHORTEST_BYTES = 64


@dataclass(frozen=True, slots=True)
class PromptSize:
    """`size` in UTF-8 bytes of all contents together, `words` between white space, `messages` by their number."""

    size: int
    words: int
    messages: int

    @classmethod
    def of(cls, contents: Sequence[str]) -> "PromptSize":
        return cls(
            size=sum(map(_bytes, contents)),
            words=sum(len(content.split()) for content in contents),
            messages=len(contents),
        )


def _bytes(content: str) -> int:
    return len(content) if content.isascii() else len(content.encode(errors="surrogatepass"))


class TokenEstimate:
    """Tokens of prompts of one model."""

    def __init__(self) -> None:
        self._ratio = _FIRST_RATIO
        self._is_first = True

    def lower(self, prompt: PromptSize) -> int:
        """Certainly not more than the truth: no usual tokenizer has tokens that hold parts of two words."""
        return prompt.words + prompt.messages

    def upper(self, prompt: PromptSize) -> int:
        """Certainly not less than the truth: no tokenizer makes more tokens of a text than it has bytes."""
        return prompt.size + prompt.messages * _PER_MESSAGE + _PER_PROMPT

    def estimate(self, prompt: PromptSize) -> int:
        """Rather too much than too little, and within the bounds."""
        guess = int(prompt.size * self._ratio * _MARGIN) + prompt.messages * _PER_MESSAGE
        return max(self.lower(prompt), min(guess, self.upper(prompt)))

    def learn(self, prompt: PromptSize, tokens: int) -> None:
        """`tokens` is what the server counted for the whole prompt. Short prompts teach nothing."""
        if prompt.size < _SHORTEST_BYTES or not self.lower(prompt) <= tokens <= self.upper(prompt):
            return
        ratio = max(tokens - prompt.messages * _PER_MESSAGE, prompt.words) / prompt.size
        higher = self._is_first or ratio > self._ratio
        self._ratio = ratio if higher else self._ratio + _LEARNT * (ratio - self._ratio)
        self._is_first = False
