"""rewrite: concise sentences of Wikipedia, and disfluent questions made fluent."""

from collections.abc import Sequence
from typing import Any

from bench.quality.cases import PublicCase, load_cases, sampled
from bench.quality.running import Asked, Bench, Options, Way, compared, measured
from bench.quality.scores import rewrite_figures
from bench.quality.table import Figure, Row

SETS = ("rewrite_conciseness", "rewrite_disflqa")


def measure(options: Options) -> list[Row]:
    return measured(options, _measured)


async def _measured(bench: Bench, options: Options) -> list[Row]:
    rows = []
    for name in SETS:
        rows += await _set(bench, options, name)
    return rows


async def _set(bench: Bench, options: Options, name: str) -> list[Row]:
    cases = sampled(load_cases(options.data, name), options.cases, options.seed)

    async def plainly(case: PublicCase) -> Asked[str]:
        return await bench.plainly(case, plain_prompt(case), 256)

    async def by_task(case: PublicCase) -> Asked[Any]:
        return await bench.by_task(case, style=case.input.params["style"])

    ways = [
        Way("plain", plainly, lambda _, answer: answer or ""),
        Way("task", by_task, lambda _, answer: answer.text if answer else ""),
    ]
    return await compared(options, name, cases, ways, _scores)


def plain_prompt(case: PublicCase) -> str:
    return f"{case.input.params['instruction']}\n\n{case.text}\n\nAnswer with the rewritten text only."


def _scores(cases: Sequence[PublicCase], texts: Sequence[str]) -> dict[str, Figure]:
    references = [case.expected["references"] for case in cases]
    return rewrite_figures([case.text for case in cases], references, texts)
