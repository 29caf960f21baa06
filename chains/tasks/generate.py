"""Generate a text by an instruction, from data if there is some."""

import json

from langchain_core.runnables import Runnable, RunnableLambda
from pydantic import Field, JsonValue, StrictInt

from chains.answers import ask_for_text
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
        answer = await ask.ainvoke(
            {
                "instruction": request.instruction,
                "data": json.dumps(request.data, ensure_ascii=False) if request.data else "",
                "max_words": request.max_words or 0,
            }
        )
        text, shortened = fit_words(answer.text, request.max_words, complete=answer.finished)
        return GenerateOutput(text=text, shortened=shortened)

    return RunnableLambda(generate)


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
)
