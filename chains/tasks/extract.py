"""Extract entities of given types, each with its place in the text."""

from enum import Enum
from typing import Any

from langchain_core.runnables import Runnable, RunnableLambda
from pydantic import Field, field_validator

from chains.answers import Ask, ask_for_object
from chains.task import STRING, ClosedModel, Name, Parts, Task, TaskOutput, TextInput, Value, unique_names
from chains.text import SpanFinder, StringIndexType, count_words

_LEAST_BOUND = 8


class EntityType(ClosedModel):
    name: Name = Field(description="The type's name, as it comes back: PERSON.")
    description: str | None = Field(default=None, max_length=500, description="What belongs to this type.")


class Alignment(str, Enum):
    EXACT = "exact"


class Entity(Value):
    text: str = Field(description="The entity as it stands in the source.")
    type: str
    offset: int = Field(ge=0, description="Where it begins in the source, in the unit of string_index_type.")
    length: int = Field(ge=1, description="How long it is, in the same unit.")
    alignment: Alignment = Field(description="How its place was found.")


class UngroundedEntity(Value):
    text: str
    type: str


class ExtractRequest(TextInput):
    types: tuple[EntityType, ...] = Field(min_length=1, max_length=50, description="The entity types to look for.")
    string_index_type: StringIndexType = Field(
        default=StringIndexType.UTF16,
        description="The unit of offsets: utf16 code units (Java, JavaScript) or unicode code points (Python).",
    )

    _unique = field_validator("types")(unique_names)


class ExtractOutput(TaskOutput):
    entities: list[Entity] = Field(description="What was found in the text, in the order of the text.")
    ungrounded: list[UngroundedEntity] = Field(description="What the model named although the text doesn't hold it.")


def compose(parts: Parts) -> Runnable[ExtractRequest, ExtractOutput]:
    ask = ask_for_object(parts)

    async def extract(request: ExtractRequest) -> ExtractOutput:
        types = [{"name": kind.name, "description": kind.description or ""} for kind in request.types]
        answer = await ask.ainvoke(Ask({"text": request.source, "types": types}, _schema(request)))
        return _ground(request, answer["entities"])

    return RunnableLambda(extract)


def _schema(request: ExtractRequest) -> dict[str, Any]:
    entity = {
        "type": "object",
        "properties": {
            "type": {"enum": [kind.name for kind in request.types]},
            "text": {"type": "string", "minLength": 1, "maxLength": 200},
        },
        "required": ["type", "text"],
        "additionalProperties": False,
    }
    # A mention takes a word at least. Without the bound, a small model that runs in circles fills its whole cap;
    # the least bound leaves room for emoji, for words of several types and for what the text turns out not to hold.
    most = max(count_words(request.source), _LEAST_BOUND)
    return {
        "type": "object",
        "properties": {"entities": {"type": "array", "items": entity, "maxItems": most}},
        "required": ["entities"],
        "additionalProperties": False,
    }


def _ground(request: ExtractRequest, found: list[dict[str, str]]) -> ExtractOutput:
    """Give each named entity its place. A string that is named more often than the source holds it is one of
    the model's repetitions: it stays out. One that the source doesn't hold at all is reported as ungrounded."""
    finder = SpanFinder(request.source, request.string_index_type)
    entities: list[Entity] = []
    ungrounded: dict[str, UngroundedEntity] = {}
    for item in found:
        text, kind = item["text"], item["type"]
        span = finder.find(text)
        if span is not None:
            entities.append(
                Entity(text=text, type=kind, offset=span.offset, length=span.length, alignment=Alignment.EXACT)
            )
        elif not finder.found(text):
            ungrounded.setdefault(text, UngroundedEntity(text=text, type=kind))
    entities.sort(key=lambda entity: entity.offset)
    return ExtractOutput(entities=entities, ungrounded=list(ungrounded.values()))


_TYPE = {"type": "object", "properties": {"name": STRING, "description": STRING}, "required": ["name", "description"]}

task = Task(
    name="extract",
    summary="Extract entities of given types, with their places in the text",
    input=ExtractRequest,
    output=ExtractOutput,
    supplies={"text": STRING, "types": {"type": "array", "minItems": 1, "items": _TYPE}},
    compose=compose,
    answer={
        "type": "object",
        "properties": {
            "entities": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"type": STRING, "text": STRING},
                    "required": ["type", "text"],
                },
            }
        },
        "required": ["entities"],
    },
)
