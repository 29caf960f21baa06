"""A model that holds some of its answers until a test lets them go: no clock decides what comes first."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.backends.ollama_server.model import Canned, Piece

__all__ = ["HeldModel"]


@dataclass
class HeldModel(Canned):
    """Holds the answers to all prompts with the word, while it is told to. `held` counts those that are held now."""

    word: str = "hold"
    held: int = 0
    _is_open: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._is_open.set()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Hold what comes inside the block until its end, or until `let_go`. For any thread."""
        self._loop.call_soon_threadsafe(self._is_open.clear)
        try:
            yield
        finally:
            self.let_go()

    def let_go(self) -> None:
        self._loop.call_soon_threadsafe(self._is_open.set)

    async def complete(self, tokens: list[int], options: Mapping[str, Any]) -> AsyncGenerator[Piece, None]:
        if self.word in "".join(self._texts[token] for token in tokens):
            self.held += 1
            try:
                await self._is_open.wait()
            finally:
                self.held -= 1
        async for piece in super().complete(tokens, options):
            yield piece
