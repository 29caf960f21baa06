"""A model that holds some of its answers until a test lets them go: no clock decides what comes first."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.backends.ollama_server.model import Canned, Piece

__all__ = ["HeldModel"]


@dataclass
class HeldModel(Canned):
    """Holds the answers to all prompts with the word. `held` counts those that are held now; `let_go` lets go what is
    held and whatever comes from then on, `hold` ends that."""

    word: str = "hold"
    held: int = 0
    _gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()

    def let_go(self) -> None:
        self._loop.call_soon_threadsafe(self._gate.set)

    def hold(self) -> None:
        self._loop.call_soon_threadsafe(self._gate.clear)

    async def complete(self, tokens: list[int], options: Mapping[str, Any]) -> AsyncGenerator[Piece, None]:
        if self.word in "".join(self._texts[token] for token in tokens):
            self.held += 1
            try:
                await self._gate.wait()
            finally:
                self.held -= 1
        async for piece in super().complete(tokens, options):
            yield piece
