"""Reading a text of any length: in chunks that fit, in parallel, and in smaller parts where an answer had no end."""

from collections.abc import Callable, Mapping
from typing import Any

from chains.answers import Ask, ask_for_object
from chains.chunking import Chunk, chunks_that_fit, divide
from chains.errors import OutputTruncated
from chains.parallel import aside, in_parallel
from chains.task import Parts

__all__ = ["Reader"]

OVERLAP = 200
"""How many code points a chunk repeats of the one before it, so that a mention at its edge is whole in one of them."""

_SHARE = 0.5
_LEAST_BYTES = 200


class Reader:
    """Asks one prompt for the objects that a text holds. `schema` gives the schema of the answer for one chunk."""

    def __init__(self, parts: Parts, inputs: Mapping[str, Any], schema: Callable[[str], Mapping[str, Any]]) -> None:
        self._parts = parts
        self._inputs = inputs
        self._schema = schema
        self._ask = ask_for_object(parts)

    async def read(self, text: str, passes: int) -> list[tuple[Chunk, dict[str, Any]]]:
        """The answers for all chunks of the text, in its order, pass by pass.

        Each further pass divides every chunk once more: at temperature 0 the same question has the same answer. Raises
        what `chunks_that_fit` raises, and OutputTruncated where even a short part has an answer without end.
        """
        chunks = await chunks_that_fit(self._parts, self._inputs, text, share=_SHARE, overlap=OVERLAP)
        found = []
        for done in range(passes):
            if done:
                chunks = await aside([text], lambda whole: [part for one in whole for part in _parts_of(one)], chunks)
            answers = await in_parallel(self._answers, chunks, self._parts.capabilities.slots())
            found += [answer for of_one in answers for answer in of_one]
        return found

    async def _answers(self, chunk: Chunk) -> list[tuple[Chunk, dict[str, Any]]]:
        inputs = {**self._inputs, "text": chunk.text}
        schema = await aside([chunk.text], self._schema, chunk.text)
        try:
            return [(chunk, await self._ask.ainvoke(Ask(inputs, schema)))]
        except OutputTruncated:
            parts = await aside([chunk.text], _parts_of, chunk)
            if len(parts) == 1:
                raise
        return [answer for part in parts for answer in await self._answers(part)]


def _parts_of(chunk: Chunk) -> list[Chunk]:
    """The chunk in halves, or as it is where it is a sentence or two."""
    size = len(chunk.text.encode())
    if size <= _LEAST_BYTES:
        return [chunk]
    parts = divide(chunk.text, max(_LEAST_BYTES // 2, -(-size // 2)), min(OVERLAP, len(chunk.text) // 10))
    return [Chunk(chunk.start + part.start, chunk.start + part.end, part.text) for part in parts]
