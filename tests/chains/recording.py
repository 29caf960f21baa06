"""Requests with a chosen text in a chosen field, and what of them reaches a model."""

import json
import types
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Annotated, Any, Union, get_args, get_origin

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import BaseModel, Field, JsonValue

from chains.prompts import PromptVersion
from chains.runner import call_keywords
from chains.task import Document, Parts, Task

__all__ = ["KEY", "Place", "RecordingChatModel", "filled", "messages_for", "text_fields"]

KEY = "{key}"
"""The last part of the place of a mapping's key."""

Place = tuple[str | int, ...]
"""Where a field stands in a request: `("labels", 0, "name")`."""

SCHEMAS = ("output_schema", "record_schema")
"""Fields that hold a schema instead of texts. What the latter may bring to a model, the tests of its task say."""

_NAMING = "output_schema"
"""The one whose names and descriptions of properties are looked at as texts."""

_NO_TEXT = (int, float, Enum, type(None))


def text_fields(model: type[BaseModel]) -> list[Place]:
    """Every place of a request that takes a caller's text, found by the types of its fields: none can be forgotten.

    Of a list, its first item stands for all. Raises TypeError for a type that isn't known here.
    """
    return list(dict.fromkeys(_model_places(model, ())))


def _model_places(model: type[BaseModel], place: Place) -> Iterator[Place]:
    for name, field in model.model_fields.items():
        if name == _NAMING:
            yield from ((*place, name, "properties", KEY), (*place, name, "properties", "fact", "description"))
        elif name not in SCHEMAS:
            yield from _places(field.annotation, (*place, name))


def _places(kind: Any, place: Place) -> Iterator[Place]:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is str or kind is JsonValue:
        yield place
    elif origin is Annotated:
        yield from _places(arguments[0], place)
    elif origin in (Union, types.UnionType):
        for argument in arguments:
            yield from _places(argument, place)
    elif origin in (tuple, list):
        yield from _places(arguments[0], (*place, 0))
    elif origin is dict:
        yield (*place, KEY)
        yield from _places(arguments[1], (*place, "fact"))
    elif isinstance(kind, type) and issubclass(kind, BaseModel) and kind is not Document:  # its text becomes `text`
        yield from _model_places(kind, place)
    elif not (isinstance(kind, type) and issubclass(kind, (*_NO_TEXT, Document))):
        raise TypeError(f"{place}: say here whether a {kind} carries text")


def filled(model: type[BaseModel], chosen: Place, text: str) -> dict[str, Any]:
    """A request as JSON: the text at the chosen place, other words at every other place that takes a text. A schema is
    in it only where the text is to be in the schema."""
    request = {
        name: _value(field.annotation, (name,), chosen, text)
        for name, field in model.model_fields.items()
        if name not in SCHEMAS and any(_places(field.annotation, (name,)))
    }
    return {**request, _NAMING: _schema(chosen, text)} if chosen[0] == _NAMING else request


def _schema(chosen: Place, text: str) -> dict[str, Any]:
    name, about = (text, "what it is") if chosen[-1] == KEY else ("fact", text)
    return {"type": "object", "properties": {name: {"type": "string", "description": about}}, "required": []}


def _value(kind: Any, place: Place, chosen: Place, text: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is str or kind is JsonValue:
        return text if place == chosen else f"the {' '.join(map(str, place))}"
    if origin is Annotated:
        return _value(arguments[0], place, chosen, text)
    if origin in (Union, types.UnionType):
        carrying = next(argument for argument in arguments if any(_places(argument, place)))
        return _value(carrying, place, chosen, text)
    if origin in (tuple, list):
        return [_value(arguments[0], (*place, number), chosen, text) for number in range(2)]
    if origin is dict:
        key = text if (*place, KEY) == chosen else "name of the fact"
        return {key: _value(arguments[1], (*place, "fact"), chosen, text)}
    return {
        name: _value(field.annotation, (*place, name), chosen, text)
        for name, field in kind.model_fields.items()
        if any(_places(field.annotation, (*place, name)))
    }


class RecordingChatModel(BaseChatModel):
    """A chat model that keeps what it is asked and answers the shortest text, or object of the schema, that will do."""

    asked: list[list[BaseMessage]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "recording"

    def _generate(self, *arguments: Any, **keywords: Any) -> ChatResult:
        raise NotImplementedError("chains are asynchronous")

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self.asked.append(messages)
        text = "Done."
        if "response_format" in kwargs:
            text = json.dumps(_answer(kwargs["response_format"]["json_schema"]["schema"]))
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])


def _answer(schema: Mapping[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if schema["type"] == "array":
        return []
    return {name: _answer(schema["properties"][name]) for name in schema["required"]}


async def messages_for(task: Task[Any, Any], prompt: PromptVersion, request: Mapping[str, Any]) -> list[BaseMessage]:
    """The messages that reach the model when the task's chain serves the request by this prompt version, those of all
    its calls.

    Raises pydantic.ValidationError for a request that the task refuses.
    """
    model = RecordingChatModel()
    chain = task.compose(_parts(prompt, model))
    await chain.ainvoke(task.input.model_validate(request))
    return [message for messages in model.asked for message in messages]


def _parts(prompt: PromptVersion, model: BaseChatModel) -> Parts:
    helpers = {name: _parts(helper, model) for name, helper in prompt.uses.items()}
    return Parts(prompt, model, call_keywords(prompt.parameters), helpers=helpers)
