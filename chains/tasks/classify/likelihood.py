"""How likely each label is as the answer: the text's doing, told from what the label is likely to be anyway."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cachetools import LRUCache

from chains.capabilities import ContinuationScore, Scorer
from chains.errors import ContextExceeded
from chains.recordings import are_noted
from chains.task import Parts
from chains.tasks.classify.calibration import APPLIES, evidence, of_each, of_one
from chains.tasks.classify.contract import ClassifyRequest, ConfidenceMethod
from chains.tasks.classify.judgement import Judgement
from chains.tasks.classify.long_texts import in_chunks, no_room
from chains.tasks.classify.names import short_names, spoken_names

__all__ = ["SAY_NOTHING", "ByLikelihood"]

SAY_NOTHING = ("...",)
"""Texts without content: what is likely after them is likely after any text. Several were no better than one."""

_MOST_PRIORS = 20_000

Shots = list[dict[str, str]]


class ByLikelihood:
    """Judges by the likelihood of each label's name after the helper prompt. Keeps what doesn't depend on the text."""

    def __init__(self, parts: Parts, score: Scorer) -> None:
        self._parts = parts
        self._score = score
        self._priors: LRUCache[tuple[str, str], float] = LRUCache(_MOST_PRIORS)

    async def judge(self, request: ClassifyRequest) -> Judgement:
        """Raises ContextExceeded, InvalidInput, and what the scorer raises."""
        names = short_names(spoken_names([label.name for label in request.labels]))
        shots = _shots(request, names)
        priors = await self._known_priors(shots, names)

        async def read(text: str) -> list[float]:
            return evidence(await self._logprobs(text, shots, names), priors)

        found, lengths = await in_chunks(self._parts, {"shots": shots}, request.source, read)
        whole = sum(lengths)
        mean = [
            sum(share * one for share, one in zip(lengths, column, strict=True)) / whole
            for column in zip(*found, strict=True)
        ]
        confidences = of_each(mean) if request.multi_label else of_one(mean)
        return Judgement(confidences, ConfidenceMethod.LIKELIHOOD, len(found), APPLIES)

    async def _known_priors(self, shots: Shots, names: Sequence[str]) -> list[float]:
        """The log-likelihood of each name after texts that say nothing. It takes as long as a text does, once; each
        time where it is noted what a request asks."""
        digest, asks_anew = hashlib.sha256(json.dumps(shots).encode()).hexdigest(), are_noted()
        missing = [name for name in names if asks_anew or (digest, name) not in self._priors]
        known = {name: self._priors[digest, name] for name in names if name not in missing}
        if missing:
            try:
                told = [await self._logprobs(text, shots, missing) for text in SAY_NOTHING]
            except ContextExceeded as error:
                raise no_room(error) from error
            found = [sum(column) / len(column) for column in zip(*told, strict=True)]
            known |= dict(zip(missing, found, strict=True))
            self._priors.update({(digest, name): known[name] for name in missing})
        return [known[name] for name in names]

    async def _logprobs(self, text: str, shots: Shots, names: Sequence[str]) -> list[float]:
        inputs: Mapping[str, Any] = {"text": text, "shots": shots}
        messages = (await self._parts.prompt.ainvoke(dict(inputs))).to_messages()
        told: Sequence[ContinuationScore] = await self._score(messages, names)
        return [one.logprob for one in told]


def _shots(request: ClassifyRequest, names: Sequence[str]) -> Shots:
    """What the caller says of its labels, as texts with their labels: what it describes is what such a text says."""
    return [
        {"text": text, "label": name}
        for label, name in zip(request.labels, names, strict=True)
        for text in (*([label.description] if label.description else []), *label.examples)
    ]
