"""What kind of thing a part of a text is, by how likely the model finds each type's words as the answer.

Small models tell the kind of a thing far better than they list the things of a kind: docs/adr/0014-extract.md. Used
where the prompt version pins a prompt for it and the backend gives likelihoods.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import regex

from chains.capabilities import ContinuationScore, Scorer
from chains.parallel import in_parallel
from chains.task import Parts
from chains.tasks.extract.candidates import candidates
from chains.tasks.extract.overlaps import Placed, without_overlaps
from chains.text import Alignment, Mention

__all__ = ["HELPER", "Naming"]

HELPER = "kinds"
"""The name under `uses` of the prompt that asks what a part of a text is."""

NOTHING = "nothing"
"""The answer for a part that is no thing of interest, as the prompt's examples have it."""

_LONGEST_TEXT = 5_000
_CONTEXT = 200
_LEAST_LOGPROB = -5.0
_ABOVE_NOTHING = 1.0
# What a further token of a type's words may cost: it is nearly certain after the first, unless the words are rare.
_A_TOKEN = 0.5
_SPACE = regex.compile(r"\s")


@dataclass(frozen=True, slots=True)
class Naming:
    """Asks `parts`, the prompt for kinds, with `score`; `names` are the types, in words."""

    parts: Parts
    score: Scorer
    names: Sequence[str]

    @classmethod
    def by(cls, parts: Parts, names: Sequence[str]) -> "Naming | None":
        """None where the prompt version or the backend can't do it."""
        helper = parts.helpers.get(HELPER)
        if helper is None or helper.capabilities.score is None:
            return None
        return cls(helper, helper.capabilities.score, tuple(names))

    async def named(self, source: str, found: Sequence[Placed]) -> list[Placed]:
        """The entities among what the model named and, in texts of up to 5,000 code points, what looks like one.

        Each has the type that is the likeliest answer; one that is less likely to be any of the types than nothing, or
        not likely at all, is none. What lies within an entity is not asked about. Raises BackendError.
        """
        mentions = {(placed.mention.start, placed.mention.end): placed.mention for placed in found}
        if len(source) <= _LONGEST_TEXT:
            for start, end in candidates(source):
                mentions.setdefault((start, end), Mention(start, end, Alignment.EXACT))
        named: list[Placed] = []
        taken = bytearray(len(source))
        waiting = [Placed(mention, "") for mention in mentions.values()]
        while waiting:
            longest = without_overlaps(waiting)
            asked = [placed.mention for placed in longest]
            kinds = await in_parallel(lambda one: self._kind(source, one), asked, self.parts.capabilities.slots())
            for mention, kind in zip(asked, kinds, strict=True):
                if kind is not None:
                    named.append(Placed(mention, kind))
                    taken[mention.start : mention.end] = b"\1" * (mention.end - mention.start)
            done = set(longest)
            waiting = [
                one for one in waiting if one not in done and not any(taken[one.mention.start : one.mention.end])
            ]
        return named

    async def _kind(self, source: str, mention: Mention) -> str | None:
        answers = list(dict.fromkeys([*self.names, NOTHING]))
        inputs = {"text": _around(source, mention), "part": source[mention.start : mention.end]}
        messages = (await self.parts.prompt.ainvoke(inputs)).to_messages()
        scores = dict(zip(answers, map(_logprob, await self.score(messages, answers)), strict=True))
        likeliest = max(self.names, key=scores.__getitem__)
        least = max(_LEAST_LOGPROB, scores[NOTHING] + _ABOVE_NOTHING)
        return likeliest if scores[likeliest] >= least else None


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
