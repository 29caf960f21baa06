"""What a caller of summarize sends and gets back."""

from enum import Enum

from pydantic import Field, StrictInt

from chains.task import TaskOutput, TextInput, Value
from chains.text import StringIndexType

__all__ = [
    "Coverage",
    "CoveredSpan",
    "SummarizeOutput",
    "SummarizeRequest",
    "SummaryStyle",
    "UnsupportedFact",
    "UnsupportedKind",
]


class SummaryStyle(str, Enum):
    """The form of a summary."""

    PROSE = "prose"
    BULLETS = "bullets"
    HEADLINE = "headline"
    ABSTRACT = "abstract"


class SummarizeRequest(TextInput):
    """A text and what its summary is to be like."""

    style: SummaryStyle = Field(default=SummaryStyle.PROSE, description="The form of the summary.")
    max_words: StrictInt = Field(
        default=80, ge=1, le=2000, description="The most words that the summary may have (UAX #29)."
    )
    focus: str | None = Field(default=None, max_length=500, description="What the summary should attend to.")
    audience: str | None = Field(default=None, max_length=200, description="Who will read it.")
    language: str | None = Field(default=None, max_length=50, description="Its language; the text's own if absent.")
    string_index_type: StringIndexType = Field(
        default=StringIndexType.UTF16,
        description="The unit of offsets: utf16 code units (Java, JavaScript) or unicode code points (Python).",
    )


class UnsupportedKind(str, Enum):
    """What is told by a part of a summary that its source doesn't hold."""

    NUMBER = "number"
    DATE = "date"
    NAME = "name"


class UnsupportedFact(Value):
    """Something in a summary that its source doesn't hold."""

    text: str = Field(description="The number, date or name as it stands in the summary.")
    offset: int = Field(ge=0, description="Where it begins in `summary`, in the unit of string_index_type.")
    length: int = Field(ge=1, description="How long it is, in the same unit.")
    kind: UnsupportedKind


class CoveredSpan(Value):
    """A part of the source that the summary uses."""

    offset: int = Field(ge=0, description="Where it begins in the source, in the unit of string_index_type.")
    length: int = Field(ge=1, description="How long it is, in the same unit.")


class Coverage(Value):
    """Which parts of the source the summary uses, found by their words: no model is asked."""

    chunks: int = Field(ge=1, description="In how many chunks the model read the source; 1 where it read it whole.")
    chunks_used: int = Field(ge=0, description="In how many of them at least one of the spans begins.")
    spans: list[CoveredSpan] = Field(
        description="The sentences of the source that hold 30 % or more of the content of a sentence of the summary, "
        "rare words counting more than frequent ones; neighbours are one span. In the order of the source. A summary "
        "in another language shares few words with its source."
    )


class SummarizeOutput(TaskOutput):
    """The summary, and how far its source bears it out."""

    summary: str = Field(description="The summary.")
    shortened: bool = Field(description="Whether the model wrote more than fits, so that its end was cut off.")
    unsupported: list[UnsupportedFact] = Field(
        description="Numbers, dates and names in the summary that the source doesn't hold, in the summary's order."
    )
    coverage: Coverage
