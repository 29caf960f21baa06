"""What kind of thing a part of a text is, by how likely the model finds each type's words as the answer.

Small models tell the kind of a thing far better than they list the things of a kind: docs/adr/0014-extract.md. Used
where the prompt version pins a prompt for it and the backend gives likelihoods.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import regex

from chains.capabilities import ContinuationScore, Scorer
from chains.parallel import in_parallel
from chains.task import Parts
from chains.tasks.extract.candidates import candidates
from chains.tasks.extract.overlaps import Placed
from chains.text import Alignment, Mention

__all__ = ["HELPER", "Naming"]

HELPER = "kinds"
"""The name under `uses` of the prompt that asks what a part of a text is."""

NOTHING = "nothing"
"""The answer for a part that is no thing of interest, as the prompt's examples have it."""

_LONGEST_TEXT = 20_000
_CONTEXT = 200
_LEAST_LOGPROB = -5.0
_ABOVE_NOTHING = 1.0
# What a further token of a type's words may cost: it is nearly certain after the first, unless the words are rare.
_A_TOKEN = 0.5
_SPACE = regex.compile(r"\s")


@dataclass(frozen=True, slots=True)
class Naming:
    """Asks `parts`, the prompt for kinds, with `score`; `words` are the answers of each type."""

    parts: Parts
    score: Scorer
    words: Mapping[str, Sequence[str]]

    @classmethod
    def by(cls, parts: Parts, names: Sequence[str]) -> "Naming | None":
        """None where the prompt version or the backend can't do it."""
        helper = parts.helpers.get(HELPER)
        if helper is None or helper.capabilities.score is None:
            return None
        words = {name: [word for word in name.split(" or ") if word.strip()] or [name] for name in names}
        return cls(helper, helper.capabilities.score, words)

    async def named(self, source: str, found: Sequence[Placed]) -> list[Placed]:
        """The entities among what the model named and, in texts of up to 20,000 code points, what looks like one.

        Each has the type that is the likeliest answer; one that is less likely to be any of the types than nothing, or
        not likely at all, is none. Raises BackendError.
        """
        mentions = {(placed.mention.start, placed.mention.end): placed.mention for placed in found}
        if len(source) <= _LONGEST_TEXT:
            for start, end in await asyncio.to_thread(lambda: list(candidates(source))):
                mentions.setdefault((start, end), Mention(start, end, Alignment.EXACT))
        ordered = sorted(mentions.values(), key=lambda mention: mention.start)
        kinds = await in_parallel(lambda mention: self._kind(source, mention), ordered, self.parts.capabilities.slots())
        return [Placed(mention, kind) for mention, kind in zip(ordered, kinds, strict=True) if kind is not None]

    async def _kind(self, source: str, mention: Mention) -> str | None:
        answers = list(dict.fromkeys([word for words in self.words.values() for word in words] + [NOTHING]))
        inputs = {"text": _around(source, mention), "part": source[mention.start : mention.end]}
        messages = (await self.parts.prompt.ainvoke(inputs)).to_messages()
        scores = dict(zip(answers, await self.score(messages, answers), strict=True))
        best = {name: max(_logprob(scores[word]) for word in words) for name, words in self.words.items()}
        likeliest = max(best, key=best.__getitem__)
        least = max(_LEAST_LOGPROB, _logprob(scores[NOTHING]) + _ABOVE_NOTHING)
        return likeliest if best[likeliest] >= least else None


def _logprob(score: ContinuationScore) -> float:
    return score.logprob + _A_TOKEN * (score.tokens - 1)


def _around(source: str, mention: Mention) -> str:
    """The mention with up to 200 code points before it and behind it, in whole words."""
    before = source[max(0, mention.start - _CONTEXT) : mention.start]
    behind = source[mention.end : mention.end + _CONTEXT]
    if mention.start > _CONTEXT and (space := _SPACE.search(before)):
        before = before[space.end() :]
    if mention.end + _CONTEXT < len(source) and (spaces := list(_SPACE.finditer(behind))):
        behind = behind[: spaces[-1].start()]
    return before + source[mention.start : mention.end] + behind
