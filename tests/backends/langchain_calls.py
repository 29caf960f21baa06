"""A model of the kind `langchain` on the small server of OpenAI's protocol, through OpenAI's package."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from chains.backends.langchain_provider.chat_model import LangChainChatModel
from chains.backends.langchain_provider.configuration import LangChainConfig
from tests.backends.openai_server import OpenAIServer, Script

__all__ = ["FORMAT", "SCHEMA", "ask", "configuration", "using"]

T = TypeVar("T")
SCHEMA = {
    "type": "object",
    "properties": {"word": {"enum": ["red", "blue"]}},
    "required": ["word"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "colour", "schema": SCHEMA}}


def configuration(url: str | None, **changes: Any) -> LangChainConfig:
    base_url = {} if url is None else {"base_url": f"{url}/v1"}
    return LangChainConfig.model_validate({"kind": "langchain", "model": "openai:m", **base_url, **changes})


def using(
    script: Script, work: Callable[[OpenAIServer, LangChainChatModel], Awaitable[T]], **changes: Any
) -> tuple[T, OpenAIServer]:
    """Run the work on a model of the server, and close its connections."""

    async def whole() -> tuple[T, OpenAIServer]:
        async with OpenAIServer(script) as server:
            model = configuration(server.url, **changes).create("saas")
            assert isinstance(model, LangChainChatModel)
            try:
                return await work(server, model), server
            finally:
                await model.aclose()

    return asyncio.run(whole())


def ask(script: Script, text: Any = "Hello", *, options: dict[str, Any] | None = None, **changes: Any) -> Any:
    """The answer, and the server with what it was asked."""
    return using(script, lambda _, model: model.ainvoke(text, **(options or {})), **changes)
