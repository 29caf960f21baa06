"""The configuration of the kind `langchain`: what is refused at the start, and in which words."""

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from chains.backends import configuration_class
from chains.errors import ConfigurationError
from tests.backends.langchain_calls import configuration
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"model": "gpt-4o"}, "model", id="no provider"),
        pytest.param({"model": "ollama:llama3"}, "a kind of its own", id="ollama"),
        pytest.param({"base_url": "llm.example.com"}, "must be an address", id="no address"),
        pytest.param(
            {"base_url": "https://me:pw@llm.example.com"}, "no user and no password", id="password in the address"
        ),
        pytest.param({"base_url": "http://gpu:99999/v1"}, "a port from 1 to 65535", id="a port too high"),
        pytest.param({"base_url": "http://gpu:abc/v1"}, "a port from 1 to 65535", id="no port"),
        pytest.param({"base_url": "http://gpu host/v1"}, "white space", id="white space"),
        pytest.param({"base_url": "http://gpu/v1\n"}, "white space", id="a line end"),
        pytest.param({"options": {"api_key": "sk"}}, "api_key has no place here: name the key's", id="key"),
        pytest.param(
            {"options": {"default_headers": {"Authorization": "x"}}}, "default_headers.Authorization", id="header"
        ),
        pytest.param({"options": {"max_retries": 3}}, "set retries", id="retries"),
        pytest.param({"options": {"timeout": 3}}, "set timeout_s", id="timeout"),
        pytest.param({"options": {"streaming": False}}, "the service sets it itself", id="streaming"),
        pytest.param({"structured": "guess"}, "'auto', 'response_format' or 'tool'", id="structured"),
        pytest.param({"api_key_env": "MY KEY"}, "api_key_env", id="no name of a variable"),
    ],
)
def test_a_wrong_configuration(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        configuration("http://127.0.0.1:9", **changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"model": "nobody:m"}, "backends.saas: model: LangChain knows no provider 'nobody'", id="unknown"),
        pytest.param({"model": "mistralai:m"}, "pip install langchain-mistralai", id="a listed one's package"),
        pytest.param({"model": "cohere:m"}, "pip install langchain-cohere", id="another's package"),
        pytest.param({"api_key_env": "ABSENT_KEY"}, "variable ABSENT_KEY is not set", id="no key"),
        pytest.param({"options": {"top_q": 1}}, "options.top_q: ChatOpenAI has no such argument", id="unknown option"),
        pytest.param({"options": {"top_p": "sekret"}}, "top_p: Input should be a valid number", id="wrong option"),
        pytest.param({"base_url": None}, "OPENAI_API_KEY", id="the package finds no key"),
    ],
)
def test_what_the_package_refuses(monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], words: str) -> None:
    for name in ("ABSENT_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match=words) as caught:
        configuration("http://127.0.0.1:9", **changes).create("saas")
    assert "sekret" not in str(caught.value)


def test_its_identity_and_its_defaults() -> None:
    found = [
        configuration("http://127.0.0.1:9", **changes).identity()
        for changes in ({}, {}, {"model": "openai:n"}, {"options": {"top_p": 0.5}}, {"structured": "tool"})
    ]
    assert found[0] == found[1]
    assert len(set(found)) == 4
    assert (found[0].kind, found[0].model) == ("langchain", "openai:m")
    assert isinstance(configuration(None), configuration_class("langchain"))


def test_reading_a_configuration_costs_no_langchain() -> None:
    code = (
        "import sys; from chains.backends import configuration_class as c; "
        "c('langchain').model_validate({'model': 'openai:m'}); "
        "sys.exit(any(name in sys.modules for name in ('langchain_core', 'langchain', 'openai', 'langchain_openai')))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
