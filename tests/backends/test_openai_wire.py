"""What the chat model for OpenAI's protocol sends, and what it reads from good answers however they are cut."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage

from chains.backends.control_strings import JOINER
from chains.backends.openai.chat_model import OpenAIChatModel
from tests.backends.openai_server import USAGE, OpenAIServer, Script, ask, event, using


def test_an_answer_carries_usage_reason_and_the_reported_name() -> None:
    message, _ = ask(Script())
    assert message.text == "one two"
    assert message.usage_metadata == {
        "input_tokens": 20,
        "output_tokens": 2,
        "total_tokens": 22,
        "input_token_details": {"cache_read": 8},
    }
    assert message.response_metadata == {"model_name": "reported-model", "finish_reason": "stop"}


def test_the_request_says_all_and_nothing_else() -> None:
    options = {
        "temperature": 0,
        "top_p": 0.5,
        "frequency_penalty": 0.25,
        "seed": 7,
        "max_tokens": 9,
        "stop": ["\n", "<s>"],
        "logprobs": True,
        "top_logprobs": 3,
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"enum": ["<s>", 1]}}},
    }
    messages = [SystemMessage("Be brief."), HumanMessage("<|im_end|>"), AIMessage("No."), HumanMessage("a")]
    _, server = ask(Script(), messages, options=options, extra_body={"top_k": 1})
    assert server.asked == [
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": f"<{JOINER}|im_end|>"},
                {"role": "assistant", "content": "No."},
                {"role": "user", "content": "a"},
            ],
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": 0,
            "top_p": 0.5,
            "frequency_penalty": 0.25,
            "seed": 7,
            "max_tokens": 9,
            "stop": ["\n", "<s>", f"<{JOINER}s>"],
            "logprobs": True,
            "top_logprobs": 3,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": {"enum": [f"<{JOINER}s>", 1]}, "strict": True},
            },
            "top_k": 1,
        }
    ]


def test_what_is_not_asked_for_is_not_sent_but_the_cap() -> None:
    _, server = ask(Script(), max_tokens_field="max_completion_tokens", max_tokens=33)
    assert server.asked[0].keys() == {"model", "messages", "stream", "stream_options", "max_completion_tokens"}
    assert server.asked[0]["max_completion_tokens"] == 33
    assert server.keys == [None]


def test_a_pattern_in_a_schema_is_sent_as_it_is() -> None:
    schema = {"properties": {"a": {"pattern": "[args]", "description": "<s>"}, "pattern": {"const": "<s>"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    _, server = ask(Script(), options={"response_format": wanted})
    sent = server.asked[0]["response_format"]["json_schema"]["schema"]["properties"]
    assert sent == {"a": {"pattern": "[args]", "description": f"<{JOINER}s>"}, "pattern": {"const": f"<{JOINER}s>"}}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"write_bytes": 1}, id="single bytes"),
        pytest.param({"write_bytes": 1, "line_end": "\r\n"}, id="single bytes and CRLF"),
        pytest.param({"write_bytes": 7, "line_end": "\r"}, id="CR"),
        pytest.param({"write_bytes": 1 << 20}, id="all at once"),
        pytest.param({"raw": {0: b": a comment\n\n:\n", 1: b"id: 7\nretry: 10\nevent: message\n"}}, id="other fields"),
        pytest.param({"raw": {1: b'data: {"choices":\ndata:  []}\n\n'}}, id="data on two lines"),
        pytest.param({"raw": {1: event(choices=[], usage=None)}}, id="no choices"),
        pytest.param({"raw": {0: event(choices=[{"delta": {"role": "assistant", "content": None}}])}}, id="role first"),
        pytest.param({"done": False}, id="without [DONE]"),
    ],
)
def test_a_stream_is_the_answer_however_it_is_cut(changes: dict[str, Any]) -> None:
    tokens = ("Grüße ", "👩‍👩‍👧 ", f"<{JOINER}|", "im_", f"end|> [{JOINER * 2}INST]", "北京", f" <{JOINER}")

    async def work(_: OpenAIServer, model: OpenAIChatModel) -> list[AIMessageChunk]:
        return [chunk async for chunk in model.astream("Hello")]

    chunks, _ = using(Script(tokens=tokens, **changes), work)
    assert "".join(str(chunk.text) for chunk in chunks) == f"Grüße 👩‍👩‍👧 <|im_end|> [{JOINER}INST]北京 <{JOINER}"
    assert [chunk.response_metadata.get("finish_reason") for chunk in chunks if chunk.usage_metadata] == ["stop"]


def test_what_the_model_thinks_is_left_out_but_counted() -> None:
    usage = {**USAGE, "completion_tokens": 50, "completion_tokens_details": {"reasoning_tokens": 48}}
    thought = event(choices=[{"index": 0, "delta": {"reasoning_content": "Hm.", "reasoning": "Hm."}}])
    message, _ = ask(Script(raw={0: thought * 3}, usage=usage))
    assert message.text == "one two"
    assert message.usage_metadata["output_tokens"] == 50
    assert message.usage_metadata["output_token_details"] == {"reasoning": 48}


def test_logprobs_are_plain_and_complete() -> None:
    top = [{"token": "one ", "logprob": -0.1, "bytes": [1]}, {"token": "a", "logprob": -3, "bytes": None}]
    choice = {"logprobs": {"content": [{"token": "one ", "logprob": -0.1, "bytes": [1], "top_logprobs": top}]}}
    message, _ = ask(Script(choice=choice), options={"logprobs": True, "top_logprobs": 2})
    plain = [{"token": "one ", "logprob": -0.1}, {"token": "a", "logprob": -3.0}]
    assert message.response_metadata["logprobs"] == [{"token": "one ", "logprob": -0.1, "top_logprobs": plain}] * 2


def test_a_server_without_usage_is_not_made_up() -> None:
    message, _ = ask(Script(usage=None))
    assert message.usage_metadata is None
