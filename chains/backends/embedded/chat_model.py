"""The embedded model as a LangChain chat model: tokens in, a stream of text out, over a Unix socket."""

from collections.abc import AsyncGenerator, Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage

from chains.backends.configuration import ContinuationScores, ServerState, untold
from chains.backends.embedded.connection import Connection
from chains.backends.embedded.scoring import scores
from chains.backends.embedded.template import placeholders, split_skeleton
from chains.backends.embedded.wire import (
    DEFAULT_MAX_TOKENS,
    FINISHED,
    MESSAGE_TOKENS,
    completion_body,
    next_token_body,
    token_logprob,
    usage,
)
from chains.backends.streamed import CallOptions, StreamedChatModel, role_of
from chains.errors import BackendRejected, ContextExceeded
from chains.ledger import usage_of
from chains.result import Usage

__all__ = ["EmbeddedChatModel"]

_COUNT_S = 5.0

_PIECE_CHARACTERS = 8
"""Characters that are counted at once, for each token of the context."""


class EmbeddedChatModel(StreamedChatModel):
    """A chat model over a running ModelServer. `response_metadata` also holds llama.cpp's `timings`.

    A character that is several tokens has the logprob of its last one: llama.cpp reports no other.
    """

    socket: Path | None
    context_size: int

    def model_post_init(self, context: Any, /) -> None:
        """Make now what copies share with this model, its connections above all."""
        super().model_post_init(context)
        _ = self._connection, self._skeletons

    # Pydantic's private attributes take longer to read than most that is done with them.
    @cached_property
    def _skeletons(self) -> dict[tuple[str, ...], list[list[int]]]:
        return {}

    @cached_property
    def _connection(self) -> Connection:
        return Connection(self.backend, self.socket, self.timeouts.connect_s)

    @property
    def _llm_type(self) -> str:
        return "copydesk-embedded"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {**super()._identifying_params, "socket": str(self.socket), "context_tokens": self.context_size}

    async def probe(self) -> None:
        """Raises BackendUnavailable where the model server doesn't answer that it is well."""
        await self._connection.probe()

    async def inspect(self) -> ServerState:
        """What the model's process says of itself. Raises BackendError."""
        async with self._connection.translated():
            found = await self._connection.properties()
            server, context = f"llama.cpp {found['build_info']}", int(found["default_generation_settings"]["n_ctx"])
        return ServerState(server, self.model_name, min(context, self.context_size), loaded=True)

    async def server_slots(self) -> int | None:
        async with self._connection.translated():
            return int((await self._connection.properties())["total_slots"])

    async def count_tokens(self, messages: list[BaseMessage]) -> int:
        """The tokens that the model would read, the chat template's among them.

        Raises BackendUnavailable, BackendTimeout, BackendRejected or BackendProtocolError.
        """
        roles = tuple(role_of(message) for message in messages)
        async with self._connection.within(_COUNT_S, "count of tokens"), self._connection.translated():
            return len(await self._tokens(messages, roles))

    async def aclose(self) -> None:
        """Close the connections. The model may be used again afterwards."""
        await self._connection.aclose()

    async def context_tokens(self) -> int | None:
        """As configured; the model server was refused where it has less."""
        return self.context_size

    async def check_context(self, messages: list[BaseMessage], max_tokens: int | None) -> None:
        """Raises ContextExceeded where the messages and the answer don't fit, and what `count_tokens` raises."""
        reserved = max_tokens or DEFAULT_MAX_TOKENS
        # No tokenizer makes more tokens of a text than it has bytes.
        most = sum(len(str(message.text).encode()) + MESSAGE_TOKENS for message in messages)
        if most + reserved > self.context_size:
            async with self._connection.within(self.timeouts.total_s, "count of tokens"), self._connection.translated():
                await self._check_length(messages, reserved)
            self._check(await self.count_tokens(messages), reserved)

    async def _check_length(self, messages: list[BaseMessage], reserved: int) -> None:
        """Count a text of megabytes only until it is clear that it is too long: its millions of tokens would keep the
        model's process busy for seconds, and this one from serving others. Raises ContextExceeded."""
        text = max((str(message.text) for message in messages), key=len, default="")
        size = _PIECE_CHARACTERS * self.context_size
        if len(text) <= 2 * size:
            return
        tokens = 0
        for start in range(0, len(text), size):
            tokens += len(await self._tokenize(text[start : start + size], special=False))
            if tokens > self.context_size:
                needed = tokens * len(text) // min(start + size, len(text)) + reserved
                raise ContextExceeded(needed=needed, limit=self.context_size, reserved=reserved, estimated=True)

    def _check(self, tokens: int, reserved: int) -> None:
        if tokens + reserved > self.context_size:
            raise ContextExceeded(needed=tokens + reserved, limit=self.context_size, reserved=reserved)

    async def score_continuations(
        self, messages: list[BaseMessage], continuations: Sequence[str], spend: Callable[[Usage], object] = untold
    ) -> ContinuationScores:
        """The likelihood of each continuation as the beginning of the answer, over the whole vocabulary.

        `spend` hears of the usage of each question. Control strings in a continuation are text. Raises ValueError for
        an empty continuation, ContextExceeded, and what `count_tokens` raises.
        """
        if not all(continuations):
            raise ValueError("A continuation is empty: give the texts of possible answers")
        roles = tuple(role_of(message) for message in messages)
        within, limits = self._connection.within, self.timeouts
        async with within(limits.total_s, "scores", "timeout_s"), self._connection.translated():
            await self._check_length(messages, 1)
            answers = await self._continuations(continuations)
            prompt = await self._tokens(messages, roles)
            self._check(len(prompt), max(map(len, answers), default=1))
            (harmless, *_) = await self._tokenize("a", special=False)
            cost = Usage()

            async def asked(beginning: tuple[int, ...], count: int, winner: int) -> dict[int, float]:
                nonlocal cost
                body = next_token_body([*prompt, *beginning], count, winner)
                async with within(limits.first_token_s, "first token", "first_token_timeout_s"):
                    reported, usage_of_one = await self._next_logprobs(body)
                spend(usage_of_one)
                cost += usage_of_one
                return reported

            async def next_logprobs(beginning: tuple[int, ...], count: int) -> dict[int, float]:
                return await asked(beginning, count, harmless)

            async def logprob_of(beginning: tuple[int, ...], token: int) -> float | None:
                return (await asked(beginning, 1, token)).get(token)

            return ContinuationScores(await scores(answers, next_logprobs, logprob_of), cost)

    async def _next_logprobs(self, body: dict[str, Any]) -> tuple[dict[int, float], Usage]:
        """The log-probabilities of the likeliest tokens and of the one that was made to win."""
        reported: dict[int, float] = {}
        cost = Usage()
        async with self._connection.completion(body) as events:
            # To the end, so that the slot is free for the next question, which finds its prompt there.
            async for event in events:
                for token in event.get("completion_probabilities", ()):
                    reported = {
                        other["id"]: other["logprob"] for other in (*token["top_logprobs"], token) if "id" in other
                    }
                if event["stop"]:
                    cost = usage_of(AIMessage("", usage_metadata=usage(event)))
        return reported, cost

    async def _continuations(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        return [tuple(await self._tokenize(text, special=False)) for text in texts]

    async def _chunks(self, messages: list[BaseMessage], options: CallOptions) -> AsyncGenerator[AIMessageChunk, None]:
        body = completion_body(options)
        roles = tuple(role_of(message) for message in messages)
        async with self._connection.translated():
            await self._check_length(messages, body["n_predict"])
            tokens = await self._tokens(messages, roles)
        self._check(len(tokens), body["n_predict"])
        held: list[dict[str, Any]] = []
        async with self._connection.completion({**body, "prompt": tokens}) as events:
            async for event in events:
                chunk = self._chunk(event, held)
                if chunk.content:
                    # For whoever leaves before the end, when the server reports all that it counted.
                    chunk.response_metadata.setdefault("prompt_tokens", len(tokens))
                yield chunk

    def _chunk(self, event: dict[str, Any], held: list[dict[str, Any]]) -> AIMessageChunk:
        chunk = AIMessageChunk(content=event["content"])
        held += [token_logprob(token) for token in event.get("completion_probabilities", ())]
        # Tokens whose text is held back as the possible beginning of a stop string come without text, and so does
        # the one that ends an answer: they belong to the text that follows, or to none.
        if held and held[-1]["token"]:
            chunk.response_metadata["logprobs"] = list(held)
            held.clear()
        if event["stop"]:
            chunk.usage_metadata = usage(event)
            chunk.response_metadata |= {
                "model_name": self.model_name,
                "finish_reason": FINISHED[event["stop_type"]],
                "timings": event["timings"],
            }
        return chunk

    async def _tokens(self, messages: list[BaseMessage], roles: tuple[str, ...]) -> list[int]:
        """The whole prompt as tokens; control tokens come from the chat template only, never from a content."""
        skeleton = self._skeletons.get(roles)
        if skeleton is None:
            skeleton = self._skeletons[roles] = await self._skeleton(roles)
        mixed: list[int | str] = list(skeleton[0])
        for message, after in zip(messages, skeleton[1:], strict=True):
            mixed.extend([str(message.text), *after])
        return await self._tokenize(mixed, special=False)

    async def _skeleton(self, roles: tuple[str, ...]) -> list[list[int]]:
        marks = placeholders(len(roles))
        messages = [{"role": role, "content": mark} for role, mark in zip(roles, marks, strict=True)]
        rendered = await self._connection.ask("apply-template", {"messages": messages})
        try:
            pieces = split_skeleton(rendered["prompt"], marks)
        except ValueError as error:
            raise BackendRejected(f"{error}; use another model", backend=self.backend, original=error) from error
        return [await self._tokenize(piece, special=True) for piece in pieces]

    async def _tokenize(self, content: str | list[int | str], *, special: bool) -> list[int]:
        body = {"content": content, "parse_special": special, "add_special": False}
        tokens: list[int] = (await self._connection.ask("tokenize", body))["tokens"]
        return tokens
