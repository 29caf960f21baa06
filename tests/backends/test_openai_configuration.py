"""The configuration of a server of OpenAI's protocol, and the key that it names."""

import logging
import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from chains.backends import configuration_class
from chains.backends.openai.configuration import OpenAIConfig
from chains.errors import ConfigurationError
from tests.backends.openai_server import OpenAIServer, Script, using

KNOWN = {"base_url": "https://api.example.com/v1", "model": "some-model"}


def config(**changes: Any) -> OpenAIConfig:
    found = configuration_class("openai").model_validate({**KNOWN, **changes})
    assert isinstance(found, OpenAIConfig)
    return found


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"base_url": "api.example.com/v1"}, "must be an address", id="no scheme"),
        pytest.param({"base_url": "ftp://api.example.com"}, "must be an address", id="another scheme"),
        pytest.param({"base_url": "http://"}, "must be an address", id="no host"),
        pytest.param({"base_url": "https://me:key@api.example.com/v1"}, "must hold no user", id="a password"),
        pytest.param({"base_url": "https://api.example.com/v1?key=k"}, "without [?] or #", id="a query"),
        pytest.param({"base_url": "http://gpu:99999/v1"}, "a port from 1 to 65535", id="a port too high"),
        pytest.param({"base_url": "http://gpu:abc/v1"}, "a port from 1 to 65535", id="no port"),
        pytest.param({"base_url": "http://gpu host/v1"}, "white space", id="white space"),
        pytest.param({"base_url": "http://gpu/v1\n"}, "white space", id="a line end"),
        pytest.param({"model": ""}, "at least 1 character", id="no model"),
        pytest.param({"api_key_env": "sk-very-secret"}, "api_key_env", id="a key instead of a name"),
        pytest.param({"extra_body": {"top_k": 1, "stream": False}}, "may not set stream", id="overrides"),
        pytest.param({"extra_body": {"n": 2, "max_tokens": 1}}, "may not set max_tokens, n", id="overrides two"),
        pytest.param({"context_tokens": 10}, "greater than or equal to 256", id="a small context"),
        pytest.param({"max_tokens_field": "num_predict"}, "max_tokens_field", id="another cap"),
        pytest.param({"api_key": "k"}, "api_key", id="a key itself"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        config(**changes)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        pytest.param(None, "SAAS_KEY is not set", id="absent"),
        pytest.param("  ", "SAAS_KEY is not set", id="blank"),
        pytest.param("sk\u00fc", "no HTTP header", id="not ASCII"),
        pytest.param("sk-1\nX-Header: 1", "no HTTP header", id="two lines"),
    ],
)
def test_a_key_that_can_not_be_used_is_named(monkeypatch: pytest.MonkeyPatch, value: str | None, says: str) -> None:
    monkeypatch.delenv("SAAS_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("SAAS_KEY", value)
    with pytest.raises(ConfigurationError, match=says) as caught:
        config(api_key_env="SAAS_KEY").create("saas")
    assert "backends.saas.api_key_env" in str(caught.value)
    assert not (value or "").strip() or (value or "").strip() not in str(caught.value)


def test_a_key_is_sent_and_never_shown(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("SAAS_KEY", "sk-very-secret\n")

    async def work(_: OpenAIServer, model: Any) -> str:
        await model.ainvoke("Hello")
        return f"{model!r} {model} {model.model_dump()} {model._identifying_params}"

    with caplog.at_level(logging.DEBUG):
        shown, server = using(Script(), work, api_key_env="SAAS_KEY")
    assert server.keys == ["Bearer sk-very-secret"]
    assert "sk-very-secret" not in shown + caplog.text + repr(server.config(api_key_env="SAAS_KEY"))


def test_the_identity_is_that_of_address_model_and_extras() -> None:
    known = config().identity()
    assert (known.kind, known.model) == ("openai", "some-model")
    assert len(known.digest) == len("sha256:") + 64
    assert config(base_url="https://api.example.com/v1/", concurrency=9, max_tokens=9).identity() == known
    others: list[dict[str, Any]] = [
        {"model": "b"},
        {"base_url": "https://b.example.com/v1"},
        {"extra_body": {"reasoning_effort": "low"}},
    ]
    assert len({known, *(config(**other).identity() for other in others)}) == 4


def test_it_needs_no_sdk() -> None:
    script = (
        "import sys; from chains.backends import configuration_class;"
        f"configuration_class('openai').model_validate({KNOWN!r}).create('a');"
        "print(sorted({'openai', 'langchain_openai', 'tiktoken', 'xllamacpp', 'ollama'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
