"""Objects out of a model's answers: what is read as it stands, what is asked for again, and what is given up."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.prompt_values import ChatPromptValue
from langchain_core.runnables import RunnableLambda

from chains.answers import Ask, ask_for_object
from chains.errors import OutputInvalid, OutputTruncated
from chains.task import Parts
from tests.traffic.lanes import lane_over, using

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
GOOD = {"a": 1}


def asked(answers: Sequence[Any], **line: Any) -> tuple[Any, int]:
    """What comes out of these answers, one after the other, and how many calls that took."""
    lane, model = lane_over([*({"answer": answer, "times": 1, **line} for answer in answers), {"fail": "rejected"}])

    async def render(inputs: dict[str, Any]) -> ChatPromptValue:
        return ChatPromptValue(messages=[HumanMessage("Give me the object.")])

    chain = ask_for_object(Parts(RunnableLambda(render), lane, {"temperature": 0}))
    found = using(lane, lambda: chain.ainvoke(Ask({}, SCHEMA)))
    return found, model._script._given.total()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(json.dumps(GOOD), id="bare"),
        pytest.param(f"  {json.dumps(GOOD)}\n", id="white space around it"),
        pytest.param(f"```json\n{json.dumps(GOOD)}\n```", id="in a fence"),
        pytest.param(f"Here it is: {json.dumps(GOOD)} Anything else?", id="between sentences"),
    ],
)
def test_it_is_read_where_it_stands(text: str) -> None:
    assert asked([text]) == (GOOD, 1)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("certainly!", id="no object"),
        pytest.param('{"a": 1', id="not closed: nothing is completed"),
        pytest.param('{"a": "1"}', id="another type"),
        pytest.param('{"b": 1}', id="another key"),
        pytest.param("[1]", id="no object, but JSON"),
        pytest.param("[" * 100_000, id="thousands of levels"),
        pytest.param('{"a": ' + "9" * 5000 + "}", id="thousands of digits"),
    ],
)
def test_what_breaks_the_schema_is_asked_for_once_again(text: str) -> None:
    assert asked([text, GOOD]) == (GOOD, 2)
    with pytest.raises(OutputInvalid):
        asked([text, text])


def test_what_was_cut_off_is_not_asked_for_again() -> None:
    with pytest.raises(OutputTruncated):
        asked([GOOD], cut_off=True)


def test_the_second_request_names_what_was_wrong() -> None:
    lane, _ = lane_over([{"when": "This answer cannot be used: at $.a", "answer": GOOD}, {"answer": {"a": "x"}}])

    async def render(inputs: dict[str, Any]) -> ChatPromptValue:
        return ChatPromptValue(messages=[HumanMessage("Give me the object.")])

    chain = ask_for_object(Parts(RunnableLambda(render), lane, {"temperature": 0}))
    assert using(lane, lambda: chain.ainvoke(Ask({}, SCHEMA))) == GOOD
