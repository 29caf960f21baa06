"""What other providers' packages do: their words for the end, their tools, their errors, and what they lack."""

import asyncio
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AIMessage, AIMessageChunk

from chains.backends.configuration import Timeouts
from chains.backends.langchain_provider.answer import AnswerReader
from chains.backends.langchain_provider.chat_model import LangChainChatModel
from chains.backends.langchain_provider.foreign_errors import translated
from chains.backends.langchain_provider.providers import PROVIDERS
from chains.errors import (
    BackendBusy,
    BackendError,
    BackendProtocolError,
    BackendRejected,
    BackendTimeout,
    BackendUnavailable,
    ContextExceeded,
)
from tests.backends.langchain_calls import FORMAT, SCHEMA, configuration

pytestmark = pytest.mark.e2e

# A provider's package whose model says what its options tell. It notes what it was asked in its answer's model name.
PACKAGE = """
import json
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from pydantic import ConfigDict, SecretStr

class {name}(BaseChatModel):
    model_config = ConfigDict(extra="forbid")
    model: str
    chunks: list = []
    {fields}

    @property
    def _llm_type(self):
        return "fake"

    def _generate(self, *_, **__):
        raise NotImplementedError

    async def _astream(self, messages, stop=None, run_manager=None, **keywords):
        asked = dict(keywords, stop=stop, model=self.model)
        for chunk in self.chunks:
            yield ChatGenerationChunk(message=AIMessageChunk(**chunk))
        told = dict(finish_reason="stop", model_name=json.dumps(asked))
        yield ChatGenerationChunk(message=AIMessageChunk(content="", response_metadata=told))

    {methods}
"""
FIELDS = """timeout: float
    max_retries: int
    api_key: SecretStr | None = None"""
METHODS = """def bind_tools(self, tools, *, tool_choice=None, **keywords):
        return self.bind(tools=tools, tool_choice=tool_choice, **keywords)"""


@pytest.fixture(scope="module", autouse=True)
def packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A listed provider's package, and one of a provider that isn't listed and that takes nothing special."""
    folder = tmp_path_factory.mktemp("packages")
    for module, name, fields, methods in (
        ("langchain_anthropic", "ChatAnthropic", FIELDS, METHODS),
        ("langchain_upstage", "ChatUpstage", "", ""),
    ):
        (folder / module).mkdir()
        text = PACKAGE.format(name=name, fields=fields, methods=methods)
        (folder / module / "__init__.py").write_text(text)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


def ask(provider: str, chunks: list[dict[str, Any]], **options: Any) -> tuple[AIMessage, dict[str, Any]]:
    """The answer, and what the package was asked."""
    model = configuration(None, model=f"{provider}:m", options={"chunks": chunks}).create("saas")
    assert isinstance(model, LangChainChatModel)

    async def work() -> AIMessage:
        try:
            return await model.ainvoke("Hello", **options)
        finally:
            await model.aclose()

    answer = asyncio.run(work())
    return answer, json.loads(answer.response_metadata["model_name"])


def test_what_a_provider_lacks_is_left_out_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    options = {"temperature": 0, "frequency_penalty": 0.2, "seed": 3, "stop": ["x"]}
    with caplog.at_level(logging.WARNING, "copydesk.backends.langchain"):
        answer, asked = ask("anthropic", [{"content": "Hi"}], **options)
    assert answer.text == "Hi"
    assert asked == {"temperature": 0, "max_tokens": 512, "stop": ["x"], "model": "m"}
    assert sorted(record.getMessage() for record in caplog.records) == [
        f"backend saas: the provider has no {name}; it is left out" for name in ("frequency_penalty", "seed")
    ]


def test_a_provider_without_schemas_gets_a_form() -> None:
    pieces = ["", '{"word": ', '"red"}']
    chunks: list[dict[str, Any]] = [{"content": "Sure."}]
    for piece in pieces:
        call = {"name": None if piece else "answer", "args": piece, "id": None if piece else "1", "index": 1}
        chunks.append({"content": [], "tool_call_chunks": [{"type": "tool_call_chunk", **call}]})
    answer, asked = ask("anthropic", chunks, response_format=FORMAT)
    assert json.loads(str(answer.text)) == {"word": "red"}
    assert asked["tools"][0]["function"]["parameters"] == SCHEMA
    assert asked["tool_choice"] == "any"
    assert "response_format" not in asked


def test_a_provider_of_which_nothing_is_known(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "copydesk.backends.langchain"):
        answer, asked = ask("upstage", [{"content": "Hi"}], temperature=0, max_tokens=5)
    assert answer.text == "Hi"
    assert asked == {"temperature": 0, "max_tokens": 5, "stop": None, "model": "m"}
    assert "takes no max_retries and no timeout of ours" in caplog.text
    with pytest.raises(BackendRejected, match="can't make an answer fit a schema"):
        ask("upstage", [], response_format=FORMAT)
    with pytest.raises(BackendRejected, match="no logprobs"):
        ask("upstage", [], logprobs=True)


def test_every_listed_provider_is_one_of_langchain() -> None:
    from langchain.chat_models.base import _BUILTIN_PROVIDERS

    for name, provider in PROVIDERS.items():
        module = _BUILTIN_PROVIDERS[name][0]
        assert module.partition(".")[0].replace("_", "-") == provider.package


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        pytest.param({"finish_reason": "stop"}, "stop", id="OpenAI"),
        pytest.param({"finish_reason": "length"}, "length", id="OpenAI: cap"),
        pytest.param({"stop_reason": "end_turn"}, "stop", id="Anthropic"),
        pytest.param({"stop_reason": "stop_sequence"}, "stop", id="Anthropic: stop"),
        pytest.param({"stop_reason": "max_tokens"}, "length", id="Anthropic: cap"),
        pytest.param({"stop_reason": "model_context_window_exceeded"}, "length", id="Anthropic: context"),
        pytest.param({"finish_reason": "STOP"}, "stop", id="Google"),
        pytest.param({"finish_reason": "MAX_TOKENS"}, "length", id="Google: cap"),
        pytest.param({"stopReason": "end_turn"}, "stop", id="Bedrock"),
        pytest.param({"finish_reason": "COMPLETE"}, "stop", id="Cohere"),
        pytest.param({"finish_reason": "model_length"}, "length", id="Mistral: cap"),
        pytest.param({"finish_reason": "eos_token"}, "stop", id="Hugging Face"),
    ],
)
def test_a_reason_for_the_end(metadata: dict[str, str], reason: str) -> None:
    reader = AnswerReader("saas", is_form=False)
    reader.read(AIMessageChunk(content="Hi", response_metadata={"finish_reason": None}))
    reader.read(AIMessageChunk(content="", response_metadata=metadata))
    reader.read(AIMessageChunk(content=""))
    assert reader.last("m", needs_reason=True).response_metadata == {"model_name": "m", "finish_reason": reason}


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("content_filter", BackendRejected),
        ("refusal", BackendRejected),
        ("SAFETY", BackendRejected),
        ("RECITATION", BackendRejected),
        ("guardrail_intervened", BackendRejected),
        ("tool_use", BackendProtocolError),
        ("pause_turn", BackendProtocolError),
        ("FINISH_REASON_UNSPECIFIED", BackendProtocolError),
        ("", BackendProtocolError),
    ],
)
def test_an_end_that_is_none(reason: str, kind: type[BackendError]) -> None:
    reader = AnswerReader("saas", is_form=False)
    reader.read(AIMessageChunk(content="Hi", response_metadata={"finish_reason": reason}))
    with pytest.raises(kind):
        reader.last("m", needs_reason=True)


def test_usage_in_several_chunks_is_added_up() -> None:
    reader = AnswerReader("saas", is_form=False)
    for read, written in ((10, 0), (0, 3), (0, 4)):
        usage = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
        reader.read(AIMessageChunk(content="", usage_metadata=usage))
    last = reader.last("m", needs_reason=False)
    assert last.usage_metadata is not None
    assert (last.usage_metadata["input_tokens"], last.usage_metadata["output_tokens"]) == (10, 7)


def test_a_form_that_comes_whole() -> None:
    reader = AnswerReader("saas", is_form=True)
    call = {"name": "answer", "args": {"word": "grün"}, "id": "1", "type": "tool_call"}
    chunk = reader.read(AIMessage("", tool_calls=[call], response_metadata={"finish_reason": "tool_calls"}))
    assert chunk.text == '{"word": "grün"}'
    assert reader.last("m", needs_reason=True).response_metadata["finish_reason"] == "stop"


class _Response:
    def __init__(self, status: int, **headers: str) -> None:
        self.status_code = status
        self.headers = headers


class _StatusError(Exception):
    """As Stainless' SDKs (OpenAI, Anthropic, Groq) raise them."""

    def __init__(self, status: int, body: Any = None, **headers: str) -> None:
        super().__init__(f"Error code: {status} - {body}")
        self.status_code = status
        self.body = body
        self.response = _Response(status, **headers)


class _HTTPStatusError(Exception):
    """As httpx' own, which langchain-mistralai raises."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.response = _Response(status)


class _GoogleError(Exception):
    def __init__(self, code: int, said: str) -> None:
        super().__init__(said)
        self.code = code


class _BotoError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__("An error occurred (ThrottlingException)")
        self.response = {"ResponseMetadata": {"HTTPStatusCode": status}}


def _named(name: str, cause: Exception | None = None) -> Exception:
    """An error of a class of that name."""
    error: Exception = type(name, (Exception,), {})("secret text")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "kind", "words", "retry_after_s"),
    [
        pytest.param(_StatusError(429, **{"retry-after": "3"}), BackendBusy, "429", 3, id="429"),
        pytest.param(_StatusError(500), BackendUnavailable, "500", None, id="500"),
        pytest.param(
            _StatusError(200, {"type": "error", "error": {"type": "overloaded_error"}}),
            BackendBusy,
            "529",
            None,
            id="stream",
        ),
        pytest.param(
            _HTTPStatusError(401, "Error response 401"), BackendRejected, "check the key in KEY", None, id="httpx"
        ),
        pytest.param(_GoogleError(503, "503 UNAVAILABLE"), BackendBusy, "busy", None, id="Google"),
        pytest.param(_BotoError(429), BackendBusy, "429", None, id="botocore"),
        pytest.param(_named("ModelRateLimitError"), BackendBusy, "429", None, id="LangChain: rate"),
        pytest.param(_named("ModelAuthenticationError"), BackendRejected, "401", None, id="LangChain: key"),
        pytest.param(_named("ReadTimeout", TimeoutError()), BackendTimeout, "in time", None, id="read timeout"),
        pytest.param(
            _named("APITimeoutError", _named("ConnectTimeout")),
            BackendTimeout,
            "connection within 5 s",
            None,
            id="connect",
        ),
        pytest.param(_named("APIConnectionError"), BackendUnavailable, "nothing answers", None, id="refused"),
        pytest.param(_named("RemoteProtocolError"), BackendUnavailable, "closed the connection", None, id="cut"),
        pytest.param(KeyError("choices"), BackendProtocolError, "malformed", None, id="malformed"),
        pytest.param(_named("Surprise"), BackendProtocolError, "failed (Surprise)", None, id="anything else"),
    ],
)
def test_an_error_of_a_package(
    error: Exception, kind: type[BackendError], words: str, retry_after_s: float | None
) -> None:
    found = translated(error, backend="saas", timeouts=Timeouts(5, 60, 30, 120), reserved=5, api_key_env="KEY")
    assert type(found) is kind
    assert isinstance(found, BackendError)
    assert words in str(found)
    assert "secret" not in str(found)
    assert (found.original, found.retry_after_s) == (error, retry_after_s)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(
            _StatusError(400, {"error": {"message": "prompt is too long: 1,300 tokens > 1,000 maximum"}}),
            id="Anthropic",
        ),
        pytest.param(
            _GoogleError(400, "The input token count (1300) exceeds the maximum number of tokens allowed (1000)."),
            id="Google",
        ),
        pytest.param(
            _HTTPStatusError(
                400,
                "Prompt contains 1300 tokens and 0 draft tokens, too large for model with 1000 maximum context length",
            ),
            id="Mistral",
        ),
        pytest.param(
            ContextOverflowError("maximum context length is 1000 tokens, but your messages resulted in 1300 tokens"),
            id="LangChain",
        ),
    ],
)
def test_a_context_that_is_exceeded(error: Exception) -> None:
    found = translated(error, backend="saas", timeouts=Timeouts(5, 60, 30, 120), reserved=5, api_key_env=None)
    assert isinstance(found, ContextExceeded)
    assert (found.needed, found.limit, found.reserved) == (1305, 1000, 5)
