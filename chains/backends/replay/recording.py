"""The model that asks another one, and records what it says."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any
from weakref import WeakValueDictionary

from langchain_core.messages import AIMessageChunk, BaseMessage
from pydantic import PrivateAttr

from chains.backends.configuration import (
    ChecksContext,
    Closes,
    ContinuationScores,
    CountsTokens,
    ScoresContinuations,
    untold,
)
from chains.backends.replay.answers import (
    chunks_of,
    group_of,
    merged,
    refusal_of,
    response_of,
    response_of_refusal,
    said_last,
    scores_of,
)
from chains.backends.replay.recorder import Recorder
from chains.backends.replay.request_key import RequestKeys
from chains.backends.replay.shapes import (
    Chat,
    Count,
    CountResponse,
    Header,
    Recorded,
    Recording,
    Refusal,
    Request,
    Scores,
    ScoresResponse,
    Subject,
)
from chains.backends.streamed import CallOptions, StreamedChatModel
from chains.errors import BackendProtocolError, ContextExceeded
from chains.recordings import current_recordings
from chains.result import Usage
from chains.terms import current_terms

__all__ = ["RecordingChatModel", "ScoringRecordingChatModel"]


class RecordingChatModel(StreamedChatModel):
    """Answers as `inner` does, and writes each answer down when it is complete; an answer that failed or that its
    caller left never. What is recorded already isn't asked again, unless `overwrites`: then once for each closing.

    Of equal requests at the same time one asks, and the others get its answer as a replay would give it; where it
    fails, the next one asks. Refusals of what is too long are recorded: they are the model's answer.
    """

    inner: StreamedChatModel
    recorder: Recorder
    subject: Subject
    overwrites: bool = False

    _keys: RequestKeys = PrivateAttr()
    _header: Header | None = PrivateAttr(default=None)
    _asked: dict[str, set[str]] = PrivateAttr(default_factory=dict)
    _turns: "WeakValueDictionary[str, asyncio.Lock]" = PrivateAttr(default_factory=WeakValueDictionary)

    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        self._keys = RequestKeys(self.subject)

    @property
    def _llm_type(self) -> str:
        return "copydesk-recording"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {**self.inner._identifying_params, "repeat": current_terms().repeat}

    async def context_tokens(self) -> int | None:
        return (await self._ready()).context_tokens

    async def check_context(self, messages: list[BaseMessage], max_tokens: int | None) -> None:
        """Raises what the model that is asked raises."""
        header = await self._ready()
        if isinstance(self.inner, ChecksContext):
            try:
                await self.inner.check_context(messages, max_tokens)
            except ContextExceeded as error:
                self._keep_refusal(header, self._keys.refusal(messages, max_tokens), messages, error)
                raise

    async def count_tokens(self, messages: list[BaseMessage]) -> int | None:
        """None where the model that is asked has no tokenizer."""
        header = await self._ready()
        if not isinstance(self.inner, CountsTokens):
            return None
        key = self._keys.count(messages)
        async with self._turn(key):
            found = self._known(key)
            if not isinstance(found, Count):
                tokens = await self.inner.count_tokens(messages)
                found = Count(key=key, request=self._request(messages), response=CountResponse(tokens=tokens))
                self._keep(header, found)
            self._note(found)
            return found.response.tokens

    async def aclose(self) -> None:
        """Close the model that is asked, and put the recordings in order. Both may be used again afterwards."""
        try:
            if isinstance(self.inner, Closes):
                await self.inner.aclose()
        finally:
            self._asked.clear()
            self._header = None
            self.recorder.close()

    def _checked(self, messages: list[BaseMessage], options: CallOptions) -> AsyncGenerator[AIMessageChunk, None]:
        """The model that is asked watches over its own answer."""
        return self._chunks(messages, options)

    async def _chunks(self, messages: list[BaseMessage], options: CallOptions) -> AsyncGenerator[AIMessageChunk, None]:
        header = await self._ready()
        noted, repeat = current_recordings(), current_terms().repeat
        first = self._keys.chat(messages, options, repeat=repeat)
        by_chance = options.temperature != 0
        turn = noted.take_turn(first) if by_chance else 0
        try:
            key = self._keys.chat(messages, options, repeat=repeat, turn=turn)
            async with self._turn(key), aclosing(self._answer(header, key, messages, options)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except BaseException:
            if by_chance:
                noted.give_back(first, turn)
            raise

    async def _answer(
        self, header: Header, key: str, messages: list[BaseMessage], options: CallOptions
    ) -> AsyncGenerator[AIMessageChunk, None]:
        """The recorded answer, or the model's, which is recorded with its last chunk."""
        found, refused = self._known(key), self._keys.refusal(messages, options.max_tokens)
        if isinstance(found, Chat):
            self._note(found)
            for chunk in chunks_of(found, self.model_name):
                yield chunk
            return
        if isinstance(refusal := self._known(refused), Refusal):
            self._note(refusal)
            raise refusal_of(refusal)
        try:
            async with aclosing(self._heard(header, key, messages, options)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except ContextExceeded as error:
            self._keep_refusal(header, refused, messages, error)
            raise

    async def _heard(
        self, header: Header, key: str, messages: list[BaseMessage], options: CallOptions
    ) -> AsyncGenerator[AIMessageChunk, None]:
        start, first_token_ms = time.perf_counter(), None
        heard: list[AIMessageChunk] = []
        async with aclosing(self.inner.chunks(messages, list(options.stop), **_keywords(options))) as chunks:
            async for chunk in chunks:
                if first_token_ms is None and chunk.content:
                    first_token_ms = _ms_since(start)
                heard.append(chunk)
                if not chunk.response_metadata.get("finish_reason"):
                    yield chunk
        found = Chat(
            key=key,
            request=self._request(messages, current_terms().repeat),
            response=response_of(heard, self.model_name),
            recorded=Recorded(ms=_ms_since(start), first_token_ms=first_token_ms),
        )
        self._keep(header, found)
        self._note(found)
        for chunk in heard:
            if chunk.response_metadata.get("finish_reason"):
                chunk.response_metadata |= {"recording": key, "recorded_ms": found.recorded.ms if found.recorded else 0}
                yield chunk

    async def _ready(self) -> Header:
        """The header of this model's cassettes. Raises BackendError where the model can't tell its context,
        ConfigurationError where the recordings are of another one."""
        if self._header is None:
            inner = self.inner
            context = await inner.context_tokens() if isinstance(inner, ChecksContext) else None
            header = Header(
                kind=self.subject.kind,
                model=self.subject.model,
                digest=self.subject.digest,
                settings=dict(self.subject.settings),
                context_tokens=context,
                scores=isinstance(inner, ScoresContinuations),
                counts=isinstance(inner, CountsTokens),
            )
            self.recorder.begin(header)
            self._header = header
        return self._header

    def _turn(self, key: str) -> asyncio.Lock:
        """Held by the one of equal requests that asks."""
        return self._turns.setdefault(key, asyncio.Lock())

    def _known(self, key: str) -> Recording | None:
        """What isn't to be asked again."""
        return None if self.overwrites and key not in self._asked else self.recorder.find(key)

    def _request(self, messages: Sequence[BaseMessage], repeat: int = 0) -> Request:
        return Request.of(said_last(messages), current_terms().task, repeat)

    def _keep_refusal(self, header: Header, key: str, messages: list[BaseMessage], error: ContextExceeded) -> None:
        found = Refusal(key=key, request=self._request(messages), response=response_of_refusal(error))
        self._keep(header, found)
        self._note(found)

    def _keep(self, header: Header, recording: Recording) -> None:
        try:
            self.recorder.add(header, recording)
        except UnicodeEncodeError as error:
            message = "the answer holds half a character, which can't be recorded"
            raise BackendProtocolError(message, backend=self.backend, original=error) from error
        self._asked.setdefault(recording.key, set())

    def _note(self, recording: Recording) -> None:
        current_recordings().note(recording.key, recording.recorded.ms if recording.recorded else 0.0)


class ScoringRecordingChatModel(RecordingChatModel):
    """Asks a model that can tell how likely given answers are."""

    async def score_continuations(
        self, messages: list[BaseMessage], continuations: Sequence[str], spend: Callable[[Usage], object] = untold
    ) -> ContinuationScores:
        """As the model that is asked scores them; it is asked for those only that aren't recorded."""
        header, key = await self._ready(), self._keys.scores(messages)
        if not continuations:
            return ContinuationScores([], Usage())
        async with self._turn(key):
            found = self._known(key)
            known = found if isinstance(found, Scores) else None
            done = self._done(key, known)
            missing = [text for text in dict.fromkeys(continuations) if text not in done]
            cost = Usage()
            if known is not None and (old := [text for text in continuations if text in done]):
                cost = scores_of(known, old).usage
                spend(cost)
            if missing or known is None:
                known, new = await self._scored(header, key, messages, missing, spend)
                cost += new
            self._note(known)
            return ContinuationScores(scores_of(known, continuations).scores, cost)

    def _done(self, key: str, known: Scores | None) -> set[str]:
        """The continuations that aren't to be asked for again."""
        if known is None:
            return set()
        return self._asked[key] if self.overwrites else set(known.response.known)

    async def _scored(
        self,
        header: Header,
        key: str,
        messages: list[BaseMessage],
        asked: Sequence[str],
        spend: Callable[[Usage], object],
    ) -> tuple[Scores, Usage]:
        """The recording with the continuations that were asked for now, and what that cost."""
        assert isinstance(self.inner, ScoresContinuations)
        refused = self._keys.refused_scores(messages)
        if isinstance(refusal := self._known(refused), Refusal):
            self._note(refusal)
            raise refusal_of(refusal)
        start = time.perf_counter()
        try:
            told = await self.inner.score_continuations(messages, asked, spend)
        except ContextExceeded as error:
            self._keep_refusal(header, refused, messages, error)
            raise
        before = self.recorder.find(key)
        now = ScoresResponse(groups=(group_of(asked, told),))
        found = Scores(
            key=key,
            request=self._request(messages),
            response=merged(before.response if isinstance(before, Scores) else None, now),
            recorded=Recorded(ms=_ms_since(start)),
        )
        self._keep(header, found)
        self._asked[key].update(asked)
        return found, told.usage


def _keywords(options: CallOptions) -> dict[str, Any]:
    """The call keywords that the options came from."""
    names = ("temperature", "max_tokens", "top_p", "frequency_penalty", "seed", "logprobs", "top_logprobs")
    keywords = {name: getattr(options, name) for name in names}
    if options.schema is not None:
        keywords["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": options.schema},
        }
    return keywords


def _ms_since(start: float) -> float:
    return round((time.perf_counter() - start) * 1000, 1)
