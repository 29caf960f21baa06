"""The model that answers from recordings."""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage
from pydantic import PrivateAttr

from chains.backends.configuration import ContinuationScores, ServerState, untold
from chains.backends.replay.answers import chunks_of, refusal_of, scores_of
from chains.backends.replay.cassette import Cassette
from chains.backends.replay.request_key import RequestKeys
from chains.backends.replay.shapes import Chat, Count, Header, Recording, Refusal, Scores
from chains.backends.streamed import CallOptions, StreamedChatModel
from chains.errors import BackendRejected, ContextExceeded, RecordingMissing
from chains.recordings import current_recordings
from chains.result import Usage
from chains.terms import current_terms

__all__ = ["ReplayChatModel", "ScoringReplayChatModel"]


class ReplayChatModel(StreamedChatModel):
    """Answers as the recorded model did, at once. Raises RecordingMissing for what was never asked of that.

    What it can't know: whether a prompt fits that was neither recorded nor counted. `check_context` lets it pass, and
    the answer, or its refusal, is looked for next.
    """

    cassette: Cassette
    header: Header

    _keys: RequestKeys = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        self._keys = RequestKeys(self.header.subject)

    @property
    def _llm_type(self) -> str:
        return "copydesk-replay"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        # What LangChain keeps of one repeat's answers must not serve another one's.
        files = [str(file.path) for file in self.cassette.files]
        told = {"files": files, "digest": self.header.digest, "repeat": current_terms().repeat}
        return {**super()._identifying_params, **told}

    async def probe(self) -> None:
        """Recordings are always ready."""

    async def inspect(self) -> ServerState:
        found = f"{len(self.cassette)} recordings of {self.header.kind}"
        return ServerState(found, self.model_name, self.header.context_tokens, loaded=True)

    async def context_tokens(self) -> int | None:
        """As the recorded model said."""
        return self.header.context_tokens

    async def count_tokens(self, messages: list[BaseMessage]) -> int | None:
        """As the recorded model counted. Raises RecordingMissing; None where that model had no tokenizer."""
        if not self.header.counts:
            return None
        found = self._find(self._keys.count(messages))
        if not isinstance(found, Count):
            raise self._missing(self._keys.count(messages), "count of tokens")
        self._note(found)
        return found.response.tokens

    async def check_context(self, messages: list[BaseMessage], max_tokens: int | None) -> None:
        """Raises ContextExceeded where the recorded model refused this, or counted too many tokens."""
        self._refuse(self._keys.refusal(messages, max_tokens))
        counted, limit, reserved = self._find(self._keys.count(messages)), self.header.context_tokens, max_tokens or 0
        if isinstance(counted, Count) and counted.response.tokens is not None and limit is not None:
            needed = counted.response.tokens + reserved
            if needed > limit:
                raise ContextExceeded(needed=needed, limit=limit, reserved=reserved)

    async def _chunks(self, messages: list[BaseMessage], options: CallOptions) -> AsyncGenerator[AIMessageChunk, None]:
        noted, repeat = current_recordings(), current_terms().repeat
        first = self._keys.chat(messages, options, repeat=repeat)
        by_chance = options.temperature != 0
        turn = noted.take_turn(first) if by_chance else 0
        try:
            key = self._keys.chat(messages, options, repeat=repeat, turn=turn)
            for chunk in chunks_of(self._answer(key, messages, options), self.model_name):
                yield chunk
        except BaseException:
            if by_chance:
                noted.give_back(first, turn)
            raise

    def _answer(self, key: str, messages: list[BaseMessage], options: CallOptions) -> Chat:
        """Raises ContextExceeded and BackendRejected where the recorded model did, RecordingMissing."""
        found = self._find(key)
        if isinstance(found, Chat):
            self._note(found)
            return found
        self._refuse(self._keys.refusal(messages, options.max_tokens))
        if options.logprobs and self._is_recorded_without_logprobs(messages, options):
            # A refusal in words isn't recorded, for it may be a wrong key's; but what came of it is.
            raise BackendRejected("it was recorded without log-probabilities", backend=self.backend)
        raise self._missing(key, "answer")

    def _is_recorded_without_logprobs(self, messages: list[BaseMessage], options: CallOptions) -> bool:
        plain = replace(options, logprobs=False, top_logprobs=0)
        return self._keys.chat(messages, plain, repeat=current_terms().repeat) in self.cassette

    def _refuse(self, key: str) -> None:
        found = self._find(key)
        if isinstance(found, Refusal):
            self._note(found)
            raise refusal_of(found)

    def _find(self, key: str) -> Recording | None:
        return self.cassette.find(key)

    def _note(self, recording: Recording) -> None:
        current_recordings().note(recording.key, recording.recorded.ms if recording.recorded else 0.0)

    def _missing(self, key: str, what: str) -> RecordingMissing:
        noted, terms = current_recordings(), current_terms()
        noted.lack(key)
        of = noted.label or (f"the task {terms.task}" if terms.task else "this request")
        repeat = f", repeat {terms.repeat}" if terms.repeat else ""
        whose = f"of {self.header.model} ({self.header.kind})"
        message = f"there is no recorded {what} {whose} for {of}{repeat}; record it with --mode record-missing"
        return RecordingMissing(message, backend=self.backend, key=key)


class ScoringReplayChatModel(ReplayChatModel):
    """Recordings of a model that can tell how likely given answers are."""

    async def score_continuations(
        self, messages: list[BaseMessage], continuations: Sequence[str], spend: Callable[[Usage], object] = untold
    ) -> ContinuationScores:
        """As the recorded model scored them. Raises RecordingMissing, ContextExceeded, and ValueError for an empty
        continuation."""
        if not all(continuations):
            raise ValueError("A continuation is empty: give the texts of possible answers")
        if not continuations:
            return ContinuationScores([], Usage())
        key = self._keys.scores(messages)
        found = self._find(key)
        if not isinstance(found, Scores) or not found.response.known.keys() >= set(continuations):
            self._refuse(self._keys.refused_scores(messages))
            raise self._missing(key, "likelihood")
        self._note(found)
        told = scores_of(found, continuations)
        spend(told.usage)
        return told
