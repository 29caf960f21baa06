"""Whatever a caller's text holds, it stays the text: in the message where it belongs, verbatim, and nowhere else."""

import asyncio
import json
from typing import Any

import pytest
from pydantic import ValidationError

from chains.errors import SchemaUnsupported
from chains.prompts import PromptVersion, load_prompt_set
from chains.task import TaskInput
from chains.tasks import load_tasks
from tests.chains.attacks import ATTACKS
from tests.chains.recording import Place, filled, messages_for, text_fields
from tests.conftest import ROOT

TASKS = load_tasks()
PROMPTS = load_prompt_set(ROOT / "prompts")
SERVED = [prompt for prompt in PROMPTS if prompt.name in TASKS and PROMPTS.is_released(prompt)]
NOT_FOR_THE_MODEL = {("prompt",), ("session",), ("backend",)}
HARMLESS = "Marigold"
FIELDS = [
    pytest.param(prompt, place, id=f"{prompt} {'.'.join(map(str, place))}")
    for prompt in SERVED
    for place in text_fields(TASKS[prompt.name].input)
]


def as_it_stands(place: Place, text: str) -> str:
    """How a field's text is written into its message: facts and names of properties are given to the model as JSON, and
    descriptions of properties in one line."""
    if place[-1] == "description" and str(place[0]).endswith("_schema"):
        return " ".join(text.split())
    if str(place[0]).endswith("_schema"):
        return json.dumps(text, ensure_ascii=False)[1:-1]
    return json.dumps(text, ensure_ascii=False)[1:-1] if place[0] == "data" else text


def is_unread(prompt: PromptVersion, place: Place) -> bool:
    """Whether this version leaves a schema to the backend's constraint alone."""
    return place[0] == "output_schema" and "object" not in prompt.uses


async def roles_and_texts(prompt: PromptVersion, place: Place, text: str) -> list[tuple[str, Any]] | None:
    """What reaches the model; None where the task refuses the text because it is too long for its field."""
    task = TASKS[prompt.name]
    try:
        messages = await messages_for(task, prompt, filled(task.input, place, text))
    except ValidationError as error:
        if {item["type"] for item in error.errors()} == {"string_too_long"}:
            return None
        raise
    except SchemaUnsupported as error:
        if {field.code for field in error.errors} == {"out_of_bounds"}:
            return None
        raise
    return [(message.type, message.content) for message in messages]


def test_there_are_attacks_enough() -> None:
    assert len(ATTACKS) == len(set(ATTACKS.values())) >= 40
    assert not any(attack in HARMLESS or HARMLESS in attack for attack in ATTACKS.values())


def test_every_task_has_a_served_prompt_and_text_fields() -> None:
    assert {prompt.name for prompt in SERVED} == set(TASKS)
    for task in TASKS.values():
        assert set(text_fields(task.input)) > NOT_FOR_THE_MODEL


def test_a_field_of_an_unknown_type_is_not_overlooked() -> None:
    class Request(TaskInput):
        attachment: bytes

    with pytest.raises(TypeError, match="attachment"):
        text_fields(Request)


@pytest.mark.parametrize(("prompt", "place"), FIELDS)
def test_an_attack_stays_where_the_text_stands(prompt: PromptVersion, place: Place) -> None:
    async def all_attacks() -> int:
        harmless = await roles_and_texts(prompt, place, HARMLESS)
        assert harmless is not None
        standing = [number for number, (_, text) in enumerate(harmless) if HARMLESS in text]
        assert bool(standing) == (place not in NOT_FOR_THE_MODEL and not is_unread(prompt, place))
        sent = 0
        for name, attack in ATTACKS.items():
            attacked = await roles_and_texts(prompt, place, attack)
            if attacked is None:
                continue
            sent += 1
            expected = [(role, text.replace(HARMLESS, as_it_stands(place, attack))) for role, text in harmless]
            # An attack's facts may make a task ask again, which the harmless word doesn't: it is the user's there too.
            first, again = attacked[: len(expected)], attacked[len(expected) :]
            assert first == expected, name
            assert not again or prompt.name == "rewrite", name
            assert [role for role, said in again if as_it_stands(place, attack) in said if role != "human"] == [], name
        return sent

    assert asyncio.run(all_attacks()) >= 40
