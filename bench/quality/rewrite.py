"""rewrite: concise sentences of Wikipedia, and disfluent questions made fluent."""

from typing import Any

from bench.quality.cases import PublicCase, load_cases, sampled
from bench.quality.running import Asked, Bench, Options, cost_of, measured, through
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

    plain = await through(f"{name}, plain", cases, plainly)
    task = await through(f"{name}, task", cases, by_task)
    plain_texts = [one.answer or "" for one in plain]
    task_texts = [one.answer.text if one.answer else "" for one in task]
    return [
        Row(name, way, len(cases), {**_scores(cases, texts), **cost_of(asked)})
        for way, texts, asked in (("plain", plain_texts, plain), ("task", task_texts, task))
    ]


def plain_prompt(case: PublicCase) -> str:
    return f"{case.input.params['instruction']}\n\n{case.text}\n\nAnswer with the rewritten text only."


def _scores(cases: list[PublicCase], texts: list[str]) -> dict[str, Figure]:
    from sacrebleu.metrics.chrf import CHRF

    best = [
        max(CHRF().sentence_score(text, [reference]).score for reference in case.expected["references"])
        for case, text in zip(cases, texts, strict=True)
    ]
    return {"chrF": sum(best) / max(1, len(best))}
