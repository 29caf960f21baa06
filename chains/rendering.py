"""Rendering a prompt without asking a model: what one would read."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from chains.backends.configuration import CountsTokens
from chains.choice import identity_of
from chains.errors import BackendError, FieldError, InvalidInput, PromptRenderError
from chains.prompts import PromptVersion, Selection
from chains.result import RenderedPrompt

__all__ = ["render"]

_log = logging.getLogger("copydesk.runner")
_ROLES = {"system": "system", "human": "user", "ai": "assistant"}


async def render(
    selection: Selection, inputs: Mapping[str, Any], folder: Path, models: Sequence[BaseChatModel]
) -> RenderedPrompt:
    """The messages, and their tokens as the first of the models that can counts them.

    `folder` is that of the prompts, for the places in errors. Raises InvalidInput where the prompt doesn't take the
    inputs or its template fails on them; the pointers begin at the inputs.
    """
    messages = await asyncio.to_thread(_rendered, selection.prompt, inputs, folder)
    return RenderedPrompt(
        messages=tuple((_ROLES[message.type], str(message.text)) for message in messages),
        tokens=await _tokens(models, messages),
        prompt=identity_of(selection),
    )


async def _tokens(models: Sequence[BaseChatModel], messages: list[BaseMessage]) -> int | None:
    for model in models:
        if isinstance(model, CountsTokens):
            try:
                counted = await model.count_tokens(messages)
                if counted is not None:
                    return counted
            except BackendError as error:  # what is asked for is the messages: they don't depend on a server
                _log.warning("a prompt's tokens could not be counted: %s", error)
    return None


def _rendered(prompt: PromptVersion, inputs: Mapping[str, Any], folder: Path) -> list[BaseMessage]:
    """The messages for inputs that nobody has checked: a second of work at the worst. Raises InvalidInput."""
    errors = prompt.validate(inputs)
    if errors:
        raise InvalidInput(f"The prompt {prompt} doesn't take these inputs. See errors.", errors)
    try:
        return prompt.invoke(dict(inputs)).to_messages()
    except PromptRenderError as error:
        place = "" if error.path is None else f"{error.path.relative_to(folder).as_posix()}:{error.line or ''}"
        field = FieldError("", error.code, f"{place.rstrip(':')}: {error.message}".lstrip(": "))
        raise InvalidInput(f"The prompt {prompt} fails on these inputs. See errors.", [field]) from error
