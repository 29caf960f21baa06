"""What the tests of the Ollama backend share: a chat model on a server, used in an event loop of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from langchain_core.messages import AIMessage

from chains.backends.ollama.chat_model import OllamaChatModel
from chains.backends.ollama.configuration import OllamaConfig
from tests.backends.ollama_server import OllamaServer

__all__ = ["ask", "chat_model", "on", "until"]

T = TypeVar("T")


def chat_model(server: OllamaServer, **keys: Any) -> OllamaChatModel:
    config = OllamaConfig(**{"base_url": server.base_url, "model": server.model_name, **keys})
    model = config.create("gpu")
    assert isinstance(model, OllamaChatModel)
    return model


def on(server: OllamaServer, work: Callable[[OllamaChatModel], Awaitable[T]], **keys: Any) -> T:
    """Run the work on a new chat model, and close its connections."""

    async def whole() -> T:
        model = chat_model(server, **keys)
        try:
            return await work(model)
        finally:
            await model.aclose()

    return asyncio.run(whole())


def ask(server: OllamaServer, prompt: Any = "Hello", *, keys: dict[str, Any] | None = None, **call: Any) -> AIMessage:
    return on(server, lambda model: model.ainvoke(prompt, **{"max_tokens": 20, **call}), **(keys or {}))


async def until(condition: Callable[[], object], seconds: float = 60) -> float:
    """Wait for the condition; the seconds it took."""
    start = asyncio.get_running_loop().time()
    while not condition():
        assert asyncio.get_running_loop().time() - start < seconds, "it never came"
        await asyncio.sleep(0.005)
    return asyncio.get_running_loop().time() - start
