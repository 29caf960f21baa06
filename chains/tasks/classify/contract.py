"""What callers of classify send and get."""

from enum import Enum
from typing import Annotated

from pydantic import Field, StrictBool, StrictFloat, field_validator

from chains.task import ClosedModel, Name, TaskOutput, Text, TextInput, Value, unique_names

__all__ = ["ClassifyOutput", "ClassifyRequest", "ConfidenceMethod", "Label", "ScoredLabel"]

Example = Annotated[Text, Field(max_length=500)]
"""A text that belongs to a label: 1 to 500 characters, not only whitespace."""


class Label(ClosedModel):
    """A label to choose, with what tells it from the others."""

    name: Name = Field(description="The label's name, as it comes back: complaint.")
    description: str | None = Field(default=None, max_length=500, description="What belongs to this label.")
    examples: tuple[Example, ...] = Field(
        default=(), max_length=5, description="Texts that belong to this label, at most five."
    )


class ScoredLabel(Value):
    """A label that applies."""

    name: str = Field(description="The label's name, as it was sent.")
    confidence: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="How likely it is that the label is right, 0 to 1; absent unless it was measured.",
    )


class ConfidenceMethod(str, Enum):
    """Where the confidence comes from."""

    LIKELIHOOD = "likelihood"
    LOGPROBS = "logprobs"
    VOTES = "votes"
    NONE = "none"


class ClassifyRequest(TextInput):
    """A text and the labels to choose from."""

    labels: tuple[Label, ...] = Field(min_length=2, max_length=200, description="The labels to choose from.")
    multi_label: StrictBool = Field(default=False, description="Whether several labels, or none, may apply.")
    abstain_below: StrictFloat | None = Field(
        default=None,
        ge=0,
        le=1,
        description="The least confidence, 0 to 1: a label with less is not given. Send the request without it to get "
        "the best label in any case.",
        json_schema_extra={"example": 0.6},
    )

    _unique = field_validator("labels")(unique_names)


class ClassifyOutput(TaskOutput):
    """The labels that apply."""

    labels: list[ScoredLabel] = Field(
        description="The labels that apply, best first: exactly one, unless it abstained or multi_label was set. With "
        "multi_label, a confidence of 0.12 is enough where confidence_method is likelihood, else half of the votes."
    )
    abstained: bool = Field(description="Whether abstain_below kept back what would have been the answer.")
    confidence_method: ConfidenceMethod = Field(
        description="Where the confidence comes from. likelihood: the likelihood of each label as the model's answer, "
        "calibrated. logprobs: the log-probabilities of the answer that it gave. votes: the share of several answers, "
        "for which the labels stood in different orders. none: nothing was measured."
    )
    chunks: int = Field(
        ge=1,
        description="In how many pieces the text was read: more than one where it is longer than the model's context; "
        "their results are combined by their lengths.",
    )
