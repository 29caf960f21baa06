"""Extract over a scripted model."""

from collections.abc import Mapping, Sequence
from typing import Any

from chains.ledger import open_ledger
from chains.prompts import load_prompt_set
from chains.result import Usage
from chains.runner import parts_of
from chains.tasks.extract import task
from chains.tasks.extract.contract import ExtractOutput
from tests.conftest import ROOT
from tests.traffic.lanes import lane_over, using

__all__ = ["PROMPTS", "entities", "extracted", "grounded", "records"]

PROMPTS = load_prompt_set(ROOT / "prompts")


def entities(*named: tuple[str, str]) -> dict[str, Any]:
    """An answer of the model: pairs of a type and a text."""
    return {"entities": [{"type": kind, "text": text} for kind, text in named]}


def records(*rows: Mapping[str, Any]) -> dict[str, Any]:
    return {"records": list(rows)}


def extracted(
    script: Sequence[Mapping[str, Any]], request: Mapping[str, Any], version: str = "1.1.0", **settings: Any
) -> tuple[ExtractOutput, Usage]:
    """What the request comes to, with its account. Every part has the kind that the model named first, unless the
    script scores otherwise. `settings` are the scripted backend's."""
    lane, _ = lane_over(script, **settings)
    chain = task.compose(parts_of(PROMPTS.get("extract", version), lane))

    async def work() -> tuple[ExtractOutput, Usage]:
        with open_ledger() as ledger:
            output = await chain.ainvoke(task.input.model_validate(request))
        return output, ledger.usage

    return using(lane, work)


def grounded(output: ExtractOutput) -> list[tuple[str, str, int, str]]:
    return [(one.text, one.type, one.offset, one.alignment.value) for one in output.entities]
