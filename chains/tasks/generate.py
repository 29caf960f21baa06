"""Generate a text by an instruction, or an object of the caller's schema, from data if there is some."""

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Self

from langchain_core.runnables import Runnable
from pydantic import Field, JsonValue, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from chains.answers import Answer, Ask, ask_for_object, ask_for_text, live, stream_text
from chains.direct import Lambda
from chains.errors import FieldError, InvalidInput
from chains.schema_gate import gate, outline
from chains.task import STRING, Parts, Task, TaskInput, TaskOutput, Text
from chains.text import fit_words

_OBJECT = "object"
"""The helper prompt that asks for an object; a version without one leaves the schema to the backend's constraint."""

_EXAMPLE: dict[str, JsonValue] = {
    "type": "object",
    "properties": {"subject": {"type": "string"}, "urgent": {"type": "boolean"}},
    "required": ["subject", "urgent"],
}


class GenerateRequest(TaskInput):
    """What to write, and from what."""

    instruction: Text = Field(max_length=20_000, description="What to write.")
    data: dict[str, JsonValue] | None = Field(default=None, description="Facts to write from: any JSON object.")
    output_schema: dict[str, JsonValue] | None = Field(
        default=None,
        description="A JSON Schema (2020-12) of an object: the answer is then this object, in `output`. At most "
        "32 KiB, 16 levels, 200 properties and 500 enum values, of a closed list of keywords: docs/schemas.md.",
        json_schema_extra={"example": _EXAMPLE},
    )
    max_words: StrictInt | None = Field(
        default=None,
        ge=1,
        le=2000,
        description="The most words the text may have (UAX #29). Not beside an output_schema.",
    )

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if self.output_schema is not None and self.max_words is not None:
            raise PydanticCustomError(
                "schema_and_max_words",
                "Send either output_schema or max_words: an object isn't cut; use maxLength and maxItems in the schema",
            )
        return self


class GenerateOutput(TaskOutput):
    """The text or the object that was written."""

    text: str = Field(description="The text; where a schema was given, `output` as JSON.")
    output: dict[str, JsonValue] | None = Field(
        default=None, description="The object, where an output_schema was given: it obeys the schema."
    )
    shortened: bool = Field(description="Whether the model wrote more than fits, so that the end was cut off.")


def compose(parts: Parts) -> Runnable[GenerateRequest, GenerateOutput]:
    ask, ask_object = ask_for_text(parts), ask_for_object(parts.helpers.get(_OBJECT, parts))

    async def generate(request: GenerateRequest) -> GenerateOutput:
        if request.output_schema is not None:
            schema = gate(request.output_schema, "/output_schema")
            output = await ask_object.ainvoke(Ask({**_inputs(request), "output": outline(schema)}, schema))
            return GenerateOutput(text=_json(output), output=output, shortened=False)
        answer = await ask.ainvoke(_inputs(request))
        text, shortened = fit_words(answer.text, request.max_words, complete=answer.finished)
        return GenerateOutput(text=text, shortened=shortened)

    return Lambda(generate)


def stream(parts: Parts) -> Callable[[GenerateRequest], AsyncGenerator[str | GenerateOutput, None]]:
    write = stream_text(parts)

    async def generate(request: GenerateRequest) -> AsyncGenerator[str | GenerateOutput, None]:
        if request.output_schema is not None:
            raise _no_stream()
        async with aclosing(live(write(_inputs(request)), request.max_words)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Answer):
                    yield GenerateOutput(text=piece.text, shortened=not piece.finished)
                else:
                    yield piece

    return generate


def _inputs(request: GenerateRequest) -> dict[str, Any]:
    return {
        "instruction": request.instruction,
        "data": _json(request.data) if request.data else "",
        "max_words": request.max_words or 0,
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _no_stream() -> InvalidInput:
    message = "An object comes whole: send an output_schema to /v1/generate, or leave it out of a stream"
    return InvalidInput(f"{message}.", [FieldError("/output_schema", "schema_in_stream", message)])


task = Task(
    name="generate",
    summary="Generate a text by an instruction, or an object of your schema, optionally from data",
    promise="With an `output_schema` the answer is an object that obeys it, in `output`. A text over `max_words` is "
    "cut at the end of a sentence, which `shortened` tells.",
    input=GenerateRequest,
    output=GenerateOutput,
    supplies={
        "instruction": STRING,
        "data": STRING,
        "max_words": {"type": "integer", "minimum": 0, "maximum": 2000},
    },
    compose=compose,
    stream=stream,
    helpers={_OBJECT: {"instruction": STRING, "data": STRING, "output": STRING}},
    example={
        "instruction": "Describe the product in one sentence.",
        "data": {"name": "Arden Chair", "material": "beech"},
    },
)
