"""The chain: read the text, whole or in chunks, write the summary, keep its length, check it against the text."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import regex
from langchain_core.runnables import Runnable

from chains.answers import Answer, live
from chains.chunking import Chunk
from chains.direct import Lambda
from chains.errors import FieldError, InvalidInput
from chains.task import Parts
from chains.tasks.summarize.contract import SummarizeOutput, SummarizeRequest
from chains.tasks.summarize.coverage import coverage
from chains.tasks.summarize.length import keep_length
from chains.tasks.summarize.reading import Reader
from chains.tasks.summarize.support import unsupported

__all__ = ["compose", "stream"]

_LONG = 20_000
"""Code points of a source from which on a summary is checked in a thread, so that nobody else waits for it."""
_MORE_THAN_SYMBOLS = regex.compile(r"[^\p{So}\p{Sk}\p{M}\p{C}\p{Z}\s]")


def compose(parts: Parts) -> Runnable[SummarizeRequest, SummarizeOutput]:
    reader, keep = Reader(parts), keep_length(parts)

    async def summarize(request: SummarizeRequest) -> SummarizeOutput:
        _refuse_symbols(request)
        reading = await reader.read(request)
        summary, shortened = await keep(await reading.answer(), request)
        return await _checked(request, summary, reading.chunks, shortened=shortened)

    return Lambda(summarize)


def stream(parts: Parts) -> Callable[[SummarizeRequest], AsyncGenerator[str | SummarizeOutput, None]]:
    reader = Reader(parts)

    async def summarize(request: SummarizeRequest) -> AsyncGenerator[str | SummarizeOutput, None]:
        _refuse_symbols(request)
        reading = await reader.read(request)
        async with aclosing(live(reading.stream(), request.max_words)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Answer):
                    yield await _checked(request, piece.text, reading.chunks, shortened=not piece.finished)
                else:
                    yield piece

    return summarize


def _refuse_symbols(request: SummarizeRequest) -> None:
    if _MORE_THAN_SYMBOLS.search(request.source) is None:
        what = "The text holds nothing but symbols, such as emoji, so there is nothing to summarize. Send some words."
        raise InvalidInput(what, [FieldError("/text", "text_of_symbols", what)])


async def _checked(request: SummarizeRequest, summary: str, chunks: list[Chunk], *, shortened: bool) -> SummarizeOutput:
    """The summary, and what the source says of it."""

    def check() -> SummarizeOutput:
        unit = request.string_index_type
        return SummarizeOutput(
            summary=summary,
            shortened=shortened,
            unsupported=unsupported(summary, request.source, unit),
            coverage=coverage(summary, request.source, chunks, unit),
        )

    return await asyncio.to_thread(check) if len(request.source) > _LONG else check()
