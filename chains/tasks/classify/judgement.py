"""What was found about a text and its labels, and what of it is the answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from chains.errors import FieldError, InvalidInput
from chains.tasks.classify.contract import ClassifyOutput, ClassifyRequest, ConfidenceMethod, ScoredLabel

__all__ = ["Judgement", "combined", "decided"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """How sure it is of each label, in the order of the request, 0 to 1.

    Of one label, the confidences sum to 1, of several each stands alone. `is_measured` is false where they only tell
    what the model chose: 1 for that, 0 for the others. Of several labels, those apply whose confidence is at least
    `applies`.
    """

    confidences: Sequence[float]
    method: ConfidenceMethod
    chunks: int = 1
    applies: float = 0.5

    @property
    def is_measured(self) -> bool:
        return self.method is not ConfidenceMethod.NONE


def combined(found: Sequence[Judgement], lengths: Sequence[int]) -> Judgement:
    """The judgement of a text from those of its chunks, by their lengths. What isn't measured of one isn't of all."""
    whole = sum(lengths)
    confidences = [
        sum(share * one for share, one in zip(lengths, column, strict=True)) / whole
        for column in zip(*(judgement.confidences for judgement in found), strict=True)
    ]
    methods = {judgement.method for judgement in found}
    method = methods.pop() if len(methods) == 1 else ConfidenceMethod.NONE
    return Judgement(confidences, method, len(found))


def decided(request: ClassifyRequest, judgement: Judgement) -> ClassifyOutput:
    """The answer to the request. Raises InvalidInput where it wants `abstain_below` and nothing was measured."""
    least = request.abstain_below
    if least is not None and not judgement.is_measured:
        raise _nothing_measured()
    order = sorted(range(len(request.labels)), key=lambda place: -judgement.confidences[place])
    if request.multi_label:
        chosen = [place for place in order if judgement.confidences[place] >= judgement.applies]
    else:
        chosen = order[:1]
    kept = [place for place in chosen if least is None or judgement.confidences[place] >= least]
    return ClassifyOutput(
        labels=[
            ScoredLabel(
                name=request.labels[place].name,
                confidence=round(judgement.confidences[place], 4) if judgement.is_measured else None,
            )
            for place in kept
        ],
        abstained=bool(chosen) and not kept,
        confidence_method=judgement.method,
        chunks=judgement.chunks,
    )


def _nothing_measured() -> InvalidInput:
    message = (
        "abstain_below needs a confidence, and here none can be measured: the backend tells no likelihoods and no "
        "log-probabilities, and the prompt's version doesn't say the labels in different orders, so that votes would "
        "say nothing. Send the request without abstain_below, or to another backend or prompt version."
    )
    return InvalidInput(message, [FieldError("/abstain_below", "confidence_unavailable", message)])
