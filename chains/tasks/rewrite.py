"""Rewrite a text in another style, or by a free instruction."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from enum import Enum
from typing import Any

from langchain_core.runnables import Runnable, RunnableLambda
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from chains.answers import Answer, ask_for_text, live, stream_text
from chains.errors import OutputTruncated
from chains.task import STRING, Parts, Task, TaskOutput, TextInput


class RewriteStyle(str, Enum):
    FORMAL = "formal"
    FRIENDLY = "friendly"
    PLAIN_LANGUAGE = "plain_language"
    CONCISE = "concise"
    CLEAN_TRANSCRIPT = "clean_transcript"
    NEUTRAL = "neutral"


class RewriteRequest(TextInput):
    style: RewriteStyle | None = Field(default=None, description="The new style. Give a style, an instruction or both.")
    instruction: str | None = Field(default=None, max_length=1000, description="What to change, in your own words.")
    audience: str | None = Field(default=None, max_length=200, description="Who will read it.")

    @model_validator(mode="after")
    def _some_wish(self) -> "RewriteRequest":
        if self.style is None and not (self.instruction or "").strip():
            raise PydanticCustomError("style_or_instruction_missing", "Give a style or an instruction, or both")
        return self


class RewriteOutput(TaskOutput):
    text: str


def compose(parts: Parts) -> Runnable[RewriteRequest, RewriteOutput]:
    ask = ask_for_text(parts)

    async def rewrite(request: RewriteRequest) -> RewriteOutput:
        return _output(await ask.ainvoke(_inputs(request)))

    return RunnableLambda(rewrite)


def stream(parts: Parts) -> Callable[[RewriteRequest], AsyncGenerator[str | RewriteOutput, None]]:
    write = stream_text(parts)

    async def rewrite(request: RewriteRequest) -> AsyncGenerator[str | RewriteOutput, None]:
        async with aclosing(live(write(_inputs(request)), mark=False)) as pieces:
            async for piece in pieces:
                yield _output(piece) if isinstance(piece, Answer) else piece

    return rewrite


def _inputs(request: RewriteRequest) -> dict[str, Any]:
    return {
        "text": request.source,
        "style": request.style.value if request.style else "",
        "instruction": request.instruction or "",
        "audience": request.audience or "",
    }


def _output(answer: Answer) -> RewriteOutput:
    if not answer.finished:
        raise OutputTruncated(
            "The rewritten text is longer than the cap on output tokens, so its end is missing. "
            "Send the text in smaller parts.",
            raw=answer.text,
        )
    return RewriteOutput(text=answer.text)


task = Task(
    name="rewrite",
    summary="Rewrite a text in another style or by an instruction",
    input=RewriteRequest,
    output=RewriteOutput,
    supplies={
        "text": STRING,
        "style": {"enum": ["", *(style.value for style in RewriteStyle)]},
        "instruction": STRING,
        "audience": STRING,
    },
    compose=compose,
    stream=stream,
)
