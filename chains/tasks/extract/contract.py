"""What callers send to extract, and what they get back."""

from typing import Annotated, Self

from pydantic import Field, JsonValue, StrictInt, field_validator, model_validator
from pydantic_core import PydanticCustomError

from chains.task import ClosedModel, Name, TaskOutput, TextInput, Value, unique_names
from chains.text import Alignment, StringIndexType

__all__ = ["Entity", "EntityType", "ExtractOutput", "ExtractRequest", "UngroundedEntity"]

Example = Annotated[str, Field(min_length=1, max_length=200)]


class EntityType(ClosedModel):
    """A type of entities to look for."""

    name: Name = Field(description="The type's name, as it comes back: PERSON.")
    description: str | None = Field(default=None, max_length=500, description="What belongs to this type.")
    examples: tuple[Example, ...] = Field(default=(), max_length=20, description="Entities of this type.")


class Entity(Value):
    """An entity, and its place in the source."""

    text: str = Field(description="The source's own text at that place.")
    type: str = Field(description="The name of its type, as it was sent.")
    offset: int = Field(ge=0, description="Where it begins in the source, in the unit of string_index_type.")
    length: int = Field(ge=1, description="How long it is, in the same unit.")
    alignment: Alignment = Field(
        description="How its place was found: the model's words are there to the letter (exact), apart from case, "
        "composition, white space, dashes and quotes (normalized), or these are the words most like them (fuzzy)."
    )
    confidence: float | None = Field(
        default=None, ge=0, le=1, description="The likelihood that it is right; absent unless it was measured."
    )


class UngroundedEntity(Value):
    """What the model named although the source doesn't hold it."""

    text: str = Field(description="The model's words.")
    type: str | None = Field(default=None, description="The entity's type; absent in a record.")
    pointer: str | None = Field(
        default=None, description="Where in the response it stands (RFC 6901): /records/0/name; absent for an entity."
    )


class ExtractRequest(TextInput):
    """A text and what to look for in it."""

    types: tuple[EntityType, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=50,
        description="The entity types to look for. Send either types or record_schema.",
    )
    record_schema: dict[str, JsonValue] | None = Field(
        default=None,
        description="A JSON Schema of the records to look for, one object for each. Which schemas are taken: "
        "docs/schemas.md.",
    )
    passes: StrictInt = Field(
        default=1, ge=1, le=3, description="How often the text is read: each further pass reads it in smaller parts."
    )
    string_index_type: StringIndexType = Field(
        default=StringIndexType.UTF16,
        description="The unit of offsets: utf16 code units (Java, JavaScript) or unicode code points (Python).",
    )

    @field_validator("types")
    @classmethod
    def _unique(cls, types: tuple[EntityType, ...] | None) -> tuple[EntityType, ...] | None:
        return types and unique_names(types)

    @model_validator(mode="after")
    def _types_or_records(self) -> Self:
        if (self.types is None) == (self.record_schema is None):
            raise PydanticCustomError(
                "types_or_record_schema", "Send either types or record_schema: one of them, not both"
            )
        return self


class ExtractOutput(TaskOutput):
    """What was found, and where."""

    entities: list[Entity] = Field(description="What was found in the text, in the order of the text.")
    ungrounded: list[UngroundedEntity] = Field(description="What the model named although the text doesn't hold it.")
    records: list[dict[str, JsonValue]] = Field(
        default_factory=list,
        description="The records that were found, where a record_schema was sent. Each text in them is the source's "
        "own, or is listed in ungrounded.",
    )
