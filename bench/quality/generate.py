"""generate: the facts of the golden cases in the text, beside one prompt with the data in it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import eval.datasets
from bench.quality.cases import PublicCase
from bench.quality.running import Asked, Bench, Options, Way, compared, measured
from bench.quality.scores import mean
from bench.quality.table import Figure, Row
from eval.datasets import load_dataset
from eval.scorers.instructions import facts_stated

GOLDEN = "the project's golden cases"


def measure(options: Options) -> list[Row]:
    return measured(options, _golden)


async def _golden(bench: Bench, options: Options) -> list[Row]:
    folder = Path(eval.datasets.__file__).with_suffix("") / "generate"
    texts = [case for case in load_dataset(folder) if "output_schema" not in case.input.params]
    cases = [PublicCase.model_validate(case.model_dump()) for case in texts][: options.cases]

    async def plainly(case: PublicCase) -> Asked[str]:
        return await bench.plainly(case, plain_prompt(case), 256)

    async def by_task(case: PublicCase) -> Asked[Any]:
        return await bench.by_task(case, **case.input.params)

    ways = [
        Way("plain", plainly, lambda _, answer: answer or ""),
        Way("task", by_task, lambda _, answer: answer.text if answer else ""),
    ]
    return await compared(options, GOLDEN, cases, ways, _scores)


def plain_prompt(case: PublicCase) -> str:
    parts = [case.text]
    if data := case.input.params.get("data"):
        parts.append(f"Data: {json.dumps(data, ensure_ascii=False)}")
    if most := case.input.params.get("max_words"):
        parts.append(f"Use at most {most} words.")
    return "\n\n".join(parts)


def _scores(cases: Sequence[PublicCase], texts: Sequence[str]) -> dict[str, Figure]:
    stated = (facts_stated(text, case.expected.get("facts", ())) for case, text in zip(cases, texts, strict=True))
    return {"facts stated": mean(stated)}
