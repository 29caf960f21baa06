"""An Ollama server's model that counts its own tokens, and behaves as a word of the prompt says."""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chains.result import Usage
from tests.backends.ollama_server.model import Canned, Piece

__all__ = ["Counting", "words_of"]


@dataclass
class Counting(Canned):
    """The word `behaves-BEHAVIOUR-N` in the prompt tells what to do after N tokens:

    ends    the answer is complete, and its counts are told
    breaks  a line with an error
    stops   the stream ends, without a last line
    hangs   nothing more comes until the caller leaves

    `reported` is what was told in last lines, `broken` the tokens of answers without one, `calls` how many of those
    had any token. One that `mends` completes what another server would stop.
    """

    mends: bool = False
    reported: Usage = field(default_factory=Usage)
    broken: int = 0
    calls: int = 0

    async def complete(self, tokens: list[int], options: Mapping[str, Any]) -> AsyncGenerator[Piece, None]:
        prompt = "".join(self._texts[token] for token in tokens)
        found = re.findall(r"behaves-(\w+)-(\d+)", prompt)
        behaviour, number = (found[-1][0], int(found[-1][1])) if found else ("ends", 5)
        if self.mends and behaviour == "stops":
            behaviour = "ends"
        for position in range(number):
            await asyncio.sleep(0)
            if behaviour != "ends":
                self.broken += 1
                self.calls += not position
            yield Piece(f"word{position} ")
        if behaviour == "hangs":
            await asyncio.Event().wait()
        if behaviour == "breaks":
            raise RuntimeError("it broke")
        if behaviour == "ends":
            cached = len(tokens) // 3
            self.reported += Usage(len(tokens), cached, number, 1)
            yield Piece(reason="stop", cached=cached)


def words_of(text: str) -> int:
    """How many of the model's tokens a text holds."""
    return len(re.findall(r"word\d+", text))
