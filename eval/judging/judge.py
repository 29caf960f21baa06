"""The judge: a chat model and a versioned prompt, asked twice for each pair."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from chains.answers import Ask, ask_for_object
from chains.backends.configuration import ModelIdentity
from chains.errors import ConfigurationError, ContextExceeded, OutputError
from chains.parallel import in_parallel
from chains.task import Parts
from eval.judging.pair import JudgedPair, Pair, Preference

__all__ = ["PROMPT", "Judge", "check_judge"]

PROMPT = "judge_pairwise"
"""The name of the judge's prompt. Its version is pinned by whoever makes the judge's parts."""

_SCHEMA: Mapping[str, Any] = MappingProxyType(
    {
        "type": "object",
        "properties": {
            "reason": {"type": "string", "maxLength": 600},
            "better": {"type": "string", "enum": ["first", "second", "tie"]},
        },
        "required": ["reason", "better"],
        "additionalProperties": False,
    }
)


def check_judge(identity: ModelIdentity, judged: Collection[ModelIdentity]) -> None:
    """Raises ConfigurationError where the judge would judge its own answers."""
    if identity.digest in {model.digest for model in judged}:
        raise ConfigurationError(
            f"{identity.model} ({identity.kind}) can't judge its own answers. Name another model as the judge."
        )


class Judge:
    """`parts` are the judge's prompt on its model, `identity` is that model, `judged` wrote the answers that it judges.

    Raises ConfigurationError where one of these is the judge itself: a model prefers what it would have said. The same
    digest is the same model, whatever it is called and whoever serves it.
    """

    def __init__(self, parts: Parts, identity: ModelIdentity, judged: Collection[ModelIdentity]) -> None:
        check_judge(identity, judged)
        self.identity = identity
        self._ask = ask_for_object(parts)

    async def judge(self, pair: Pair) -> JudgedPair:
        """Ask in both orders. An answer that can't be used, or a pair that is too long for the model, is no preference.
        Raises BackendError where the model can't be reached."""
        sides = (Preference.BASELINE, Preference.CANDIDATE)
        return JudgedPair(pair.id, await self._preferred(pair, sides), await self._preferred(pair, sides[::-1]))

    async def judge_all(self, pairs: Sequence[Pair], width: int) -> list[JudgedPair]:
        """In the order of the pairs, `width` of them at once. Raises what `judge` does."""
        return await in_parallel(self.judge, pairs, width)

    async def _preferred(self, pair: Pair, order: Sequence[Preference]) -> Preference | None:
        texts = {Preference.BASELINE: pair.baseline, Preference.CANDIDATE: pair.candidate}
        first, second = (texts[side] for side in order)
        inputs = {
            "request": pair.request,
            "text": pair.text,
            "criterion": pair.criterion,
            "first": first,
            "second": second,
        }
        try:
            said = await self._ask.ainvoke(Ask(inputs, _SCHEMA))
        except (OutputError, ContextExceeded):
            return None
        return {"first": order[0], "second": order[1], "tie": Preference.TIE}[said["better"]]
