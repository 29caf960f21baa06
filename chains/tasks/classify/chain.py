"""The chain: the best way of judging that the backend is capable of, and what of its judgement is the answer."""

from langchain_core.runnables import Runnable

from chains.direct import Lambda
from chains.task import Parts
from chains.tasks.classify.answers import ByAnswers
from chains.tasks.classify.contract import ClassifyOutput, ClassifyRequest
from chains.tasks.classify.judgement import decided
from chains.tasks.classify.likelihood import ByLikelihood

__all__ = ["LIKELIHOOD_PROMPT", "compose"]

LIKELIHOOD_PROMPT = "likelihood"
"""The helper prompt after which a label's name is the answer. A version that pins none is answered by its own text."""


def compose(parts: Parts) -> Runnable[ClassifyRequest, ClassifyOutput]:
    helper, score = parts.helpers.get(LIKELIHOOD_PROMPT), parts.capabilities.score
    way = ByLikelihood(helper, score) if helper and score else ByAnswers(parts)

    async def classify(request: ClassifyRequest) -> ClassifyOutput:
        return decided(request, await way.judge(request))

    return Lambda(classify)
