"""Summarize a text."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from enum import Enum
from typing import Any

from langchain_core.runnables import Runnable, RunnableLambda
from pydantic import Field, StrictInt

from chains.answers import Answer, ask_for_text, live, stream_text
from chains.task import STRING, Parts, Task, TaskOutput, TextInput
from chains.text import fit_words


class SummaryStyle(str, Enum):
    PROSE = "prose"
    BULLETS = "bullets"
    HEADLINE = "headline"
    ABSTRACT = "abstract"


class SummarizeRequest(TextInput):
    style: SummaryStyle = Field(default=SummaryStyle.PROSE, description="The form of the summary.")
    max_words: StrictInt = Field(
        default=80, ge=1, le=2000, description="The most words that the summary may have (UAX #29)."
    )
    focus: str | None = Field(default=None, max_length=500, description="What the summary should attend to.")
    audience: str | None = Field(default=None, max_length=200, description="Who will read it.")
    language: str | None = Field(default=None, max_length=50, description="Its language; the text's own if absent.")


class SummarizeOutput(TaskOutput):
    summary: str
    shortened: bool = Field(description="Whether the model wrote more than fits, so that its end was cut off.")


def compose(parts: Parts) -> Runnable[SummarizeRequest, SummarizeOutput]:
    ask = ask_for_text(parts)

    async def summarize(request: SummarizeRequest) -> SummarizeOutput:
        answer = await ask.ainvoke(_inputs(request))
        summary, shortened = fit_words(answer.text, request.max_words, complete=answer.finished)
        return SummarizeOutput(summary=summary, shortened=shortened)

    return RunnableLambda(summarize)


def stream(parts: Parts) -> Callable[[SummarizeRequest], AsyncGenerator[str | SummarizeOutput, None]]:
    write = stream_text(parts)

    async def summarize(request: SummarizeRequest) -> AsyncGenerator[str | SummarizeOutput, None]:
        async with aclosing(live(write(_inputs(request)), request.max_words)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Answer):
                    yield SummarizeOutput(summary=piece.text, shortened=not piece.finished)
                else:
                    yield piece

    return summarize


def _inputs(request: SummarizeRequest) -> dict[str, Any]:
    return {
        "text": request.source,
        "style": request.style.value,
        "max_words": request.max_words,
        "focus": request.focus or "",
        "audience": request.audience or "",
        "language": request.language or "",
    }


task = Task(
    name="summarize",
    summary="Summarize a text",
    input=SummarizeRequest,
    output=SummarizeOutput,
    supplies={
        "text": STRING,
        "style": {"enum": [style.value for style in SummaryStyle]},
        "max_words": {"type": "integer", "minimum": 1, "maximum": 2000},
        "focus": STRING,
        "audience": STRING,
        "language": STRING,
    },
    compose=compose,
    stream=stream,
)
