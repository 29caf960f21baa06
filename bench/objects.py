"""What share of objects is valid, and what share of their facts is right, by prompt version. On the embedded model.

`python bench/objects.py [VERSION ...]` takes some two minutes a version, with the 20 cases of objects.jsonl. `plain` is
the usual way: the schema stands in the instruction, nothing constrains the answer, and it is parsed. An answer that
isn't there after 20 s, some 1000 tokens, counts as none.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.composition import build_trial_runner, prompt_folder
from app.settings import Settings
from app.starting import with_started_backends
from chains.errors import CopydeskError
from chains.prompts import load_prompt_set
from chains.runner import Runner
from chains.schema_gate import AnswerCheck, gate
from chains.tasks.generate import GenerateRequest

PLAIN = "plain"
DEADLINE_MS = 20_000
CASES = Path(__file__).with_name("objects.jsonl")


def main(ways: list[str]) -> int:
    cases = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]
    settings = Settings()
    with with_started_backends(settings) as started:
        prompts = load_prompt_set(prompt_folder(settings.prompts))
        runner = build_trial_runner(started, prompts, tuple(settings.backends)[:1])
        print("| way | valid | facts right | seconds a case |\n| --- | --- | --- | --- |")
        asyncio.run(measured(runner, cases, ways))
    return 0


async def measured(runner: Runner, cases: list[dict[str, Any]], ways: list[str]) -> None:
    for way in ways:
        start = time.perf_counter()
        outputs = [await answered(runner, case, way) for case in cases]
        seconds = (time.perf_counter() - start) / len(cases)
        valid = sum(output is not None for output in outputs)
        wanted = [list(leaves(case["expected"])) for case in cases]
        found = [dict(leaves(output)) for output in outputs]
        right = sum(
            same(had.get(place), value) for want, had in zip(wanted, found, strict=True) for place, value in want
        )
        facts = sum(map(len, wanted))
        print(f"| {way} | {valid}/{len(cases)} | {right}/{facts} ({right / facts:.2f}) | {seconds:.1f} |", flush=True)
        if "-v" in sys.argv:
            for case, output in zip(cases, outputs, strict=True):
                print("   ", case["name"], json.dumps(output, ensure_ascii=False), file=sys.stderr)
    await runner.aclose()


async def answered(runner: Runner, case: dict[str, Any], way: str) -> Any:
    """The object; None where there is none that obeys the schema."""
    schema = {"type": "object", "properties": case["properties"], "required": list(case["properties"])}
    asked = {"instruction": case["instruction"], "data": case["data"], "deadline_ms": DEADLINE_MS}
    if way == PLAIN:
        asked["instruction"] += f" Answer with JSON that obeys this JSON Schema: {json.dumps(schema)}"
        request = GenerateRequest.model_validate({**asked, "prompt": "1.0.0"})
    else:
        request = GenerateRequest.model_validate({**asked, "output_schema": schema, "prompt": way})
    try:
        output = (await runner.run("generate", request)).output
        value = json.loads(output.text) if way == PLAIN else output.output
    except (CopydeskError, ValueError) as error:
        print("   ", case["name"], str(error)[:200], file=sys.stderr)
        return None
    broken = await AnswerCheck(gate(schema, "")).first_wrong(value, len(output.text))
    return None if broken else value


def leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from leaves(part, f"{place}/{name}")
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from leaves(part, f"{place}/{number}")
    else:
        yield place, value


def same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, str) and isinstance(found, str):
        return found.strip(" .").casefold() == wanted.casefold()
    return bool(type(found) is type(wanted) and found == wanted)


if __name__ == "__main__":
    sys.exit(main([way for way in sys.argv[1:] if way != "-v"] or [PLAIN, "1.0.0", "1.1.0"]))
