"""What a case expects of a task's answer: a closed model a task, so that a misspelt key is told and not ignored."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictInt, model_validator
from pydantic_core import PydanticCustomError

__all__ = ["EXPECTED", "Expected", "ExpectedEntity", "Language"]

Language = Annotated[str, Field(pattern="^[a-z]{2,3}$")]
"""A language by its ISO 639 code: `de`."""

_String = Annotated[str, Field(min_length=1)]


class Expected(BaseModel):
    """The base of all: closed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ExpectedText(Expected):
    """Of summarize and rewrite. `facts` must be stated, in these words; `forbidden` strings must not stand in the
    answer. `language` is the answer's, where it isn't the input's."""

    references: tuple[_String, ...] = Field(min_length=1)
    facts: tuple[_String, ...] = ()
    forbidden: tuple[_String, ...] = ()
    language: Language | None = None


class ExpectedGeneration(Expected):
    """Of generate: as for texts, without references; `output` holds the properties of the object that must have these
    values (the object may have others)."""

    facts: tuple[_String, ...] = ()
    forbidden: tuple[_String, ...] = ()
    language: Language | None = None
    output: dict[str, JsonValue] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.facts or self.forbidden or self.output):
            raise PydanticCustomError("nothing_expected", "Give facts, forbidden or output: nothing is expected here")
        return self


class ExpectedLabels(Expected):
    """Of classify; no label where none applies."""

    labels: tuple[_String, ...]


class ExpectedEntity(Expected):
    """Offsets count Unicode code points; the end is exclusive."""

    text: _String
    label: _String
    start: StrictInt = Field(ge=0)
    end: StrictInt


class ExpectedEntities(Expected):
    """Of extract; no entity where there is none."""

    entities: tuple[ExpectedEntity, ...]


EXPECTED: Mapping[str, type[Expected]] = MappingProxyType(
    {
        "summarize": ExpectedText,
        "rewrite": ExpectedText,
        "generate": ExpectedGeneration,
        "classify": ExpectedLabels,
        "extract": ExpectedEntities,
    }
)
"""By the task's name. What another task expects isn't checked."""
