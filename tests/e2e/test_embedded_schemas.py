"""What passes the gate is understood by the embedded model's grammar compiler, which says nothing where it is not."""

import asyncio
import json
from typing import Any

import pytest

from chains.backends.embedded.chat_model import EmbeddedChatModel
from chains.backends.embedded.server import ModelServer
from chains.schema_gate import AnswerCheck, gate
from tests.chains.schema_attacks import WORST, array, object_of

pytestmark = pytest.mark.e2e

TEXT = {"type": "string"}

UNDERSTOOD: dict[str, tuple[dict[str, Any], str]] = {
    "minLength and maxLength": ({**TEXT, "minLength": 3, "maxLength": 5}, ""),
    "minimum and maximum": ({"type": "integer", "minimum": 17, "maximum": 18}, ""),
    "exclusive bounds": ({"type": "integer", "exclusiveMinimum": 17, "exclusiveMaximum": 19}, "18"),
    "bounds of a number": ({"type": "number", "minimum": 0.25, "maximum": 0.26}, ""),
    "enum": ({"enum": ['é\n"\\ 😀']}, json.dumps('é\n"\\ 😀', ensure_ascii=False)),
    "the largest number": ({"const": 2**53 - 1}, str(2**53 - 1)),
    "const": ({"type": ["string", "null"], "const": "v"}, '"v"'),
    "types": ({"type": ["integer", "null"], "minimum": 5, "maximum": 5}, ""),
    "anyOf": ({"anyOf": [{"const": 1}, object_of({"b": {"const": "q"}})]}, ""),
    "array": (array({"type": "integer", "minimum": 1, "maximum": 9}, minItems=3, maxItems=3), ""),
    "no item": (array(TEXT, maxItems=0), "[]"),
    "date": ({**TEXT, "format": "date"}, ""),
    "uuid": ({**TEXT, "format": "uuid"}, ""),
    "odd names": (object_of({'a"b\\\n': {"const": 1}, "": {"const": 2}, "$ref": {"const": 3}}), ""),
    "reference": ({"$ref": "#/$defs/x"}, '"x"'),
}


def answered(model: EmbeddedChatModel, schema: dict[str, Any], tokens: int) -> tuple[str, str]:
    """The text, and why it ended. Nothing in the prompt speaks of the schema."""

    async def ask() -> Any:
        try:
            form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
            return await model.ainvoke("Say something.", max_tokens=tokens, temperature=0, response_format=form)
        finally:
            await model.aclose()

    message = asyncio.run(ask())
    return str(message.text), message.response_metadata["finish_reason"]


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_every_keyword_is_obeyed(embedded_model: EmbeddedChatModel, name: str) -> None:
    part, only = UNDERSTOOD[name]
    schema = gate(object_of({"a": part}, **{"$defs": {"x": {"const": "x"}}}), "")
    text, ended = answered(embedded_model, schema, 150)
    assert ended == "stop"
    assert asyncio.run(AnswerCheck(schema).first_wrong(json.loads(text), len(text))) is None
    if only:
        assert json.loads(text) == {"a": json.loads(only)}


def test_the_worst_schemas_cost_no_process(model_server: ModelServer, embedded_model: EmbeddedChatModel) -> None:
    pid = model_server.pid
    for name, schema in WORST.items():
        text, _ = answered(embedded_model, gate(schema, ""), 8)
        assert text.startswith("{"), name  # a schema that isn't understood would constrain nothing
    assert (model_server.pid, model_server.restarts) == (pid, 0)
