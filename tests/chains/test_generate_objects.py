"""`generate` with an output_schema: what the model is asked, what the caller gets, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from chains.errors import ContextExceeded, InvalidInput, OutputInvalid, SchemaUnsupported
from chains.prompts import load_prompt_set
from chains.runner import parts_of
from chains.tasks.generate import GenerateOutput, GenerateRequest, task
from tests.conftest import ROOT
from tests.traffic.lanes import lane_over, using

SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "integer", "description": "of the order"}},
    "required": ["id"],
}


def generated(
    answers: list[dict[str, Any]], schema: dict[str, Any] = SCHEMA, version: str = "1.1.0", **settings: Any
) -> GenerateOutput:
    lane, _ = lane_over(answers, **settings)
    chain = task.compose(parts_of(load_prompt_set(Path(ROOT, "prompts")).get("generate", version), lane))
    request = GenerateRequest.model_validate({"instruction": "Read the order.", "output_schema": schema})
    found: GenerateOutput = using(lane, lambda: chain.ainvoke(request))
    return found


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_the_object_comes_beside_its_text(version: str) -> None:
    found = generated([{"answer": '{"id":   9007199254740993}'}], version=version)
    assert found.output == {"id": 9007199254740993}
    assert json.loads(found.text) == found.output
    assert found.shortened is False


def test_the_model_is_told_of_the_properties() -> None:
    told = '- "id" (whole number): of the order'
    assert generated([{"when": told, "answer": {"id": 1}}, {"answer": "not asked well"}]).output == {"id": 1}


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param('{"id": 1e999}', id="beyond all numbers"),
        pytest.param('{"id": NaN}', id="no number"),
        pytest.param('{"id": 1, "more": "x"}', id="another key"),
        pytest.param('{"id": 1.5}', id="no whole number"),
        pytest.param('{"\\ud800": 1}', id="half a character"),
    ],
)
def test_an_answer_that_no_response_could_hold_is_asked_for_again(answer: str) -> None:
    assert generated([{"answer": answer, "times": 1}, {"answer": {"id": 2}}]).output == {"id": 2}
    with pytest.raises(OutputInvalid):
        generated([{"answer": answer}])


def test_nothing_is_asked_under_a_schema_that_is_refused() -> None:
    with pytest.raises(SchemaUnsupported) as caught:
        generated(
            [{"fail": "unavailable"}], {"type": "object", "properties": {"a": {"type": "string", "pattern": "a"}}}
        )
    assert caught.value.errors[0].pointer == "/output_schema/properties/a/pattern"


def test_a_limit_of_words_beside_a_schema_is_refused() -> None:
    with pytest.raises(ValidationError, match="either output_schema or max_words"):
        GenerateRequest.model_validate({"instruction": "x", "output_schema": SCHEMA, "max_words": 5})


def test_a_stream_refuses_a_schema() -> None:
    lane, _ = lane_over([{"answer": "x"}])
    assert task.stream is not None
    write = task.stream(parts_of(load_prompt_set(Path(ROOT, "prompts")).get("generate", "1.1.0"), lane))
    request = GenerateRequest.model_validate({"instruction": "x", "output_schema": SCHEMA})

    async def first() -> Any:
        return await anext(write(request))

    with pytest.raises(InvalidInput, match="/v1/generate") as caught:
        using(lane, first)
    assert [(field.pointer, field.code) for field in caught.value.errors] == [("/output_schema", "schema_in_stream")]


def test_an_answer_too_long_to_be_sent_back_is_the_models_fault() -> None:
    """The caller's own text did fit: it can't be told to send a shorter one."""
    with pytest.raises(OutputInvalid, match="too long to be sent back"):
        generated([{"answer": "word " * 900}], context_tokens=1024 + 500)
    with pytest.raises(ContextExceeded):
        generated([{"answer": "word " * 900}], context_tokens=1024 + 50)
