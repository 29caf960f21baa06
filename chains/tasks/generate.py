"""Generate a text by an instruction, from data if there is some."""

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from langchain_core.runnables import Runnable, RunnableLambda
from pydantic import Field, JsonValue, StrictInt

from chains.answers import Answer, ask_for_text, live, stream_text
from chains.task import STRING, Parts, Task, TaskInput, TaskOutput, Text
from chains.text import fit_words


class GenerateRequest(TaskInput):
    instruction: Text = Field(max_length=20_000, description="What to write.")
    data: dict[str, JsonValue] | None = Field(default=None, description="Facts to write from: any JSON object.")
    max_words: StrictInt | None = Field(
        default=None, ge=1, le=2000, description="The most words the text may have (UAX #29)."
    )


class GenerateOutput(TaskOutput):
    text: str
    shortened: bool = Field(description="Whether the model wrote more than fits, so that the end was cut off.")


def compose(parts: Parts) -> Runnable[GenerateRequest, GenerateOutput]:
    ask = ask_for_text(parts)

    async def generate(request: GenerateRequest) -> GenerateOutput:
        answer = await ask.ainvoke(_inputs(request))
        text, shortened = fit_words(answer.text, request.max_words, complete=answer.finished)
        return GenerateOutput(text=text, shortened=shortened)

    return RunnableLambda(generate)


def stream(parts: Parts) -> Callable[[GenerateRequest], AsyncGenerator[str | GenerateOutput, None]]:
    write = stream_text(parts)

    async def generate(request: GenerateRequest) -> AsyncGenerator[str | GenerateOutput, None]:
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
        "data": json.dumps(request.data, ensure_ascii=False) if request.data else "",
        "max_words": request.max_words or 0,
    }


task = Task(
    name="generate",
    summary="Generate a text by an instruction, optionally from data",
    input=GenerateRequest,
    output=GenerateOutput,
    supplies={
        "instruction": STRING,
        "data": STRING,
        "max_words": {"type": "integer", "minimum": 0, "maximum": 2000},
    },
    compose=compose,
    stream=stream,
)
