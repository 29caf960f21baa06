"""How likely given continuations are: a walk along the trie of their tokens.

For each beginning that some continuation has, llama.cpp is asked for one token, which is thrown away: of interest are
the log-probabilities that it reports of the next token, the softmax over the whole vocabulary before any sampling
(`n_probs` without `post_sampling_probs`). What one beginning adds to another is all that is read anew.

Where few tokens are wanted after a beginning, each is asked for by its own: a token that is made to win is reported
with the log-probability that it had before (14 ms; a thousand tokens take 30 ms, the vocabulary 580 ms).
"""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence

from chains.capabilities import ContinuationScore

__all__ = ["MANY", "WHOLE_VOCABULARY", "LogprobOf", "NextLogprobs", "scores"]

Tokens = tuple[int, ...]

MANY = 1000
"""The likeliest tokens that are asked for first: 80 KB, where a whole vocabulary of 49,152 is 4.6 MB."""

WHOLE_VOCABULARY = 1 << 30
"""More than any vocabulary has; llama.cpp reports those there are."""

_FEW = 2
_MOST_SINGLE = 40

NextLogprobs = Callable[[Tokens, int], Awaitable[Mapping[int, float]]]
"""From the beginning of an answer and a count: that many of the likeliest next tokens with their log-probabilities."""

LogprobOf = Callable[[Tokens, int], Awaitable[float | None]]
"""From the beginning of an answer and a token: its log-probability there; None where the server doesn't tell it, as
that of a token that ends within a character."""


async def scores(
    continuations: Sequence[Tokens], next_logprobs: NextLogprobs, logprob_of: LogprobOf | None = None
) -> list[ContinuationScore]:
    """The likelihood of each continuation. Raises KeyError where no log-probability of a token is reported.

    One question after another: a call has one slot, and the next question finds there what this one has read.
    """
    logprobs: dict[Tokens, float] = {}
    for beginning, wanted in _trie(continuations):
        found = await _found(beginning, wanted, next_logprobs, logprob_of)
        for token in wanted:
            logprobs[*beginning, token] = found[token]
    return [
        ContinuationScore(math.fsum(logprobs[tokens[:end]] for end in range(1, len(tokens) + 1)), len(tokens))
        for tokens in continuations
    ]


async def _found(
    beginning: Tokens, wanted: set[int], next_logprobs: NextLogprobs, logprob_of: LogprobOf | None
) -> Mapping[int, float]:
    """The log-probabilities of the wanted tokens, by the questions that cost least."""
    found: dict[int, float] = {}
    is_few = logprob_of is not None and len(wanted) <= _FEW
    if not is_few:
        found |= await next_logprobs(beginning, MANY)
    missing = sorted(wanted - found.keys())
    if logprob_of is not None and len(missing) <= _MOST_SINGLE:
        for token in missing:
            logprob = await logprob_of(beginning, token)
            if logprob is not None:
                found[token] = logprob
    if is_few and not wanted <= found.keys():
        found |= await next_logprobs(beginning, MANY)
    return found if wanted <= found.keys() else await next_logprobs(beginning, WHOLE_VOCABULARY)


def _trie(continuations: Sequence[Tokens]) -> list[tuple[Tokens, set[int]]]:
    """Each beginning with the tokens that follow it, depth first, so that neighbours share what is cached."""
    follow: dict[Tokens, set[int]] = {}
    for tokens in continuations:
        for position, token in enumerate(tokens):
            follow.setdefault(tokens[:position], set()).add(token)
    return sorted(follow.items())
