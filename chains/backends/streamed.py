"""The base of every chat model of ours: an answer is a stream that is timed, checked to its end, and closed at once.

Answers are streamed from the server also where a caller wants them whole: only so can a stall be told from work, and
servers see a hang-up soon.
"""

from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from chains.backends.configuration import Timeouts
from chains.backends.watched import MOST_TOKENS, Bounds, watched
from chains.errors import BackendProtocolError
from chains.message_text import text_of

__all__ = ["CallOptions", "StreamedChatModel", "role_of"]

_ROLES = {"system": "system", "human": "user", "ai": "assistant", "AIMessageChunk": "assistant"}
_NAMES = ("temperature", "max_tokens", "top_p", "frequency_penalty", "seed", "logprobs", "top_logprobs")
_FINISHED = ("stop", "length")


@dataclass(frozen=True, slots=True)
class CallOptions:
    """The call keywords of our chat models; None leaves a value to the server.

    `max_tokens` is the cap on the answer, `schema` the JSON Schema that it must obey, `top_logprobs` how many
    alternatives are reported beside each token where `logprobs` is set.
    """

    stop: tuple[str, ...] = ()
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    schema: Mapping[str, Any] | None = None
    logprobs: bool = False
    top_logprobs: int = 0

    @classmethod
    def of(cls, stop: list[str] | None, keywords: Mapping[str, Any]) -> "CallOptions":
        """From LangChain's keywords. Raises TypeError for an unknown one, ValueError for a wrong value."""
        given = {name: value for name, value in keywords.items() if value is not None}
        response_format = given.pop("response_format", None)
        unknown = sorted(set(given) - set(_NAMES))
        if unknown:
            raise TypeError(
                f"The model takes no {', '.join(unknown)}; it takes stop, response_format, {', '.join(_NAMES)}"
            )
        if given.get("max_tokens", 1) < 1:
            raise ValueError(f"max_tokens must be at least 1, not {given['max_tokens']}")
        return cls(stop=tuple(stop or ()), schema=_schema(response_format), **given)


def _schema(response_format: Any) -> Mapping[str, Any] | None:
    if response_format is None:
        return None
    try:
        return dict(response_format["json_schema"]["schema"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            'response_format must be {"type": "json_schema", "json_schema": {"name": ..., "schema": {...}}}'
        ) from error


def role_of(message: BaseMessage) -> str:
    """`system`, `user` or `assistant`. Raises ValueError for another message, or one that holds more than text."""
    if message.type not in _ROLES:
        raise ValueError(f"The model takes system, human and AI messages, not one of type {message.type!r}")
    if not isinstance(message.content, str) and any(_is_no_text(block) for block in message.content):
        raise ValueError(f"The model takes text only; a {message.type} message holds something else")
    return _ROLES[message.type]


def _is_no_text(block: str | dict[str, Any]) -> bool:
    return isinstance(block, dict) and block.get("type") != "text"


class StreamedChatModel(BaseChatModel):
    """A chat model over a server that streams.

    Per call it takes `stop`, `temperature`, `max_tokens`, `top_p`, `frequency_penalty`, `seed`, `response_format` (a
    JSON Schema in OpenAI's form), `logprobs` and `top_logprobs`; any other keyword raises TypeError. Raises
    ContextExceeded before anything is generated, BackendUnavailable, BackendBusy, BackendTimeout, BackendRejected or
    BackendProtocolError.

    A message's `usage_metadata` is what the server counted; its `response_metadata` holds `model_name`,
    `finish_reason` (`stop` or `length`) and, where asked for, `logprobs`: for each token of the answer a mapping of
    `token`, `logprob` (natural logarithm) and `top_logprobs`. A chunk may also hold the usage that the server has
    `reported` so far, which counts where the answer doesn't come to its end. When the awaiting task is cancelled, the
    connection closes at once.
    """

    backend: str
    model_name: str
    timeouts: Timeouts

    @abstractmethod
    def _chunks(self, messages: list[BaseMessage], options: CallOptions) -> AsyncGenerator[AIMessageChunk, None]:
        """The answer as the server sends it. Exactly one chunk has a `finish_reason`; errors are ours already,
        and any other is taken for an answer that is malformed.

        A chunk that says nothing tells that the server is at work: it isn't given out, and extends no time limit.
        """

    def _must_take(self, messages: list[BaseMessage], options: CallOptions) -> None:
        """Raises ValueError for a call that this kind can't serve. What `_chunks` raises is taken for the server's
        fault, so what is the caller's is found here."""
        for message in messages:
            role_of(message)

    def _cap(self, options: CallOptions) -> int:
        """The tokens that the server is asked for at most; an answer that is far more is cut off."""
        return options.max_tokens or MOST_TOKENS

    @property
    def _identifying_params(self) -> dict[str, Any]:
        """What LangChain's caches tell models apart by."""
        return {"backend": self.backend, "model_name": self.model_name}

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError("Copydesk's chat models are asynchronous: use ainvoke or astream")

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        pieces: list[str] = []
        usage, metadata, logprobs = None, dict[str, Any](), list[Any]()
        async with aclosing(self._checked(messages, CallOptions.of(stop, kwargs))) as chunks:
            async for chunk in chunks:
                pieces.append(text_of(chunk))
                usage = chunk.usage_metadata or usage
                logprobs += chunk.response_metadata.get("logprobs", ())
                metadata |= chunk.response_metadata
        metadata.pop("reported", None)
        if logprobs:
            metadata["logprobs"] = logprobs
        message = AIMessage("".join(pieces), usage_metadata=usage, response_metadata=metadata)
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        async with aclosing(self._checked(messages, CallOptions.of(stop, kwargs))) as chunks:
            async for chunk in chunks:
                yield ChatGenerationChunk(message=chunk)

    def chunks(
        self, messages: list[BaseMessage], stop: list[str] | None = None, **kwargs: Any
    ) -> AsyncGenerator[AIMessageChunk, None]:
        """What `astream` gives, without LangChain's callbacks, which cost more than the chunks themselves. Closing it
        closes the connection at once."""
        return self._checked(messages, CallOptions.of(stop, kwargs))

    async def _checked(self, messages: list[BaseMessage], options: CallOptions) -> AsyncGenerator[AIMessageChunk, None]:
        """The chunks that say something, each in time, and the end of the answer for certain."""
        self._must_take(messages, options)
        finish: str | None = None
        bounds = Bounds(self._cap(options), options.top_logprobs if options.logprobs else None)
        said = watched(self._chunks(messages, options), self.timeouts, bounds, self.backend)
        async with aclosing(said) as chunks:
            async for chunk in chunks:
                if metadata := chunk.response_metadata:
                    finish = metadata.get("finish_reason", finish)
                    if (name := str(metadata.get("model_name", ""))).startswith("/"):
                        # llama-server names its model by its path, which is no business of a caller's.
                        metadata["model_name"] = name.rpartition("/")[2]
                yield chunk
        if finish not in _FINISHED:
            raise BackendProtocolError("the answer ended before it was complete", backend=self.backend)
