"""classify: the right one of 8 or 20 labels of banking77, and the right ones of those of NLU++."""

import random
from typing import Any

from bench.quality.cases import PublicCase, label_set, load_cases, sampled
from bench.quality.json_answers import first_json, strings_at
from bench.quality.running import Asked, Bench, Options, cost_of, measured, through
from bench.quality.table import Row

SINGLE, MULTI = "classify_banking77", "classify_nlupp_multilabel"
LABELS = (8, 20)


def measure(options: Options) -> list[Row]:
    return measured(options, _measured)


async def _measured(bench: Bench, options: Options) -> list[Row]:
    rows = []
    for count in LABELS:
        rows += await _single(bench, options, count)
    return rows + await _multi(bench, options)


async def _single(bench: Bench, options: Options, count: int) -> list[Row]:
    cases = sampled(load_cases(options.data, SINGLE), options.cases, options.seed)
    names = list(label_set(options.data, "banking77"))
    offered = {case.id: drawn_labels(case.expected["label"], names, count, options.seed, case.id) for case in cases}
    dataset = f"{SINGLE}, {count} labels"

    async def plainly(case: PublicCase) -> Asked[str]:
        return await bench.plainly(case, plain_prompt(case.text, offered[case.id]), 64)

    async def by_task(case: PublicCase) -> Asked[Any]:
        return await bench.by_task(case, labels=[{"name": name} for name in offered[case.id]])

    plain = await through(f"{dataset}, plain", cases, plainly)
    task = await through(f"{dataset}, task", cases, by_task)
    plain_labels = [read_plain_label(one.answer, offered[one.case.id]) for one in plain]
    task_labels = [one.answer.labels[0].name if one.answer else None for one in task]
    gold = [case.expected["label"] for case in cases]
    return [
        Row(dataset, way, len(cases), {"accuracy": _accuracy(gold, found), **cost_of(asked)})
        for way, found, asked in (("plain", plain_labels, plain), ("task", task_labels, task))
    ]


def drawn_labels(right: str, names: list[str], count: int, seed: int, case_id: str) -> list[str]:
    """The right label and others of the set, `count` in all, in any order; the same for the same seed and case."""
    chance = random.Random(f"{seed} {case_id}")
    drawn = [right, *chance.sample([name for name in names if name != right], count - 1)]
    chance.shuffle(drawn)
    return drawn


def plain_prompt(text: str, labels: list[str]) -> str:
    listed = "\n".join(f"- {label}" for label in labels)
    return (
        f"Classify the text into exactly one of these labels:\n{listed}\n\nText: {text}\n\n"
        'Answer with JSON only, like {"label": "..."}.'
    )


def read_plain_label(answer: str | None, labels: list[str]) -> str | None:
    """The label that the answer names; None where it names none of those that were offered."""
    named = strings_at(first_json(answer or "", dict), "label")
    return named[0].strip() if named and named[0].strip() in labels else None


async def _multi(bench: Bench, options: Options) -> list[Row]:
    cases = sampled(load_cases(options.data, MULTI), options.cases, options.seed)
    offered = {name: label_set(options.data, name) for name in {case.input.params["label_set"] for case in cases}}

    async def plainly(case: PublicCase) -> Asked[str]:
        return await bench.plainly(case, plain_multi_prompt(case.text, offered[case.input.params["label_set"]]), 128)

    async def by_task(case: PublicCase) -> Asked[Any]:
        described = offered[case.input.params["label_set"]]
        labels = [{"name": name, "description": text} for name, text in described.items()]
        return await bench.by_task(case, labels=labels, multi_label=True)

    plain = await through(f"{MULTI}, plain", cases, plainly)
    task = await through(f"{MULTI}, task", cases, by_task)
    plain_labels = [read_plain_labels(one.answer, offered[one.case.input.params["label_set"]]) for one in plain]
    task_labels = [{label.name for label in one.answer.labels} if one.answer else set() for one in task]
    gold = [set(case.expected["labels"]) for case in cases]
    return [
        Row(MULTI, way, len(cases), {"micro F1": _micro_f1(gold, found), **cost_of(asked)})
        for way, found, asked in (("plain", plain_labels, plain), ("task", task_labels, task))
    ]


def plain_multi_prompt(text: str, labels: dict[str, str]) -> str:
    listed = "\n".join(f"- {name}: {description}" for name, description in labels.items())
    return (
        f"Which of these labels apply to the text? There may be several.\n{listed}\n\nText: {text}\n\n"
        'Answer with JSON only, like {"labels": ["...", "..."]}.'
    )


def read_plain_labels(answer: str | None, labels: dict[str, str]) -> set[str]:
    """Those labels that the answer names and that were offered."""
    found = first_json(answer or "", dict)
    named = found.get("labels") if isinstance(found, dict) else None
    return {name for name in named if isinstance(name, str) and name in labels} if isinstance(named, list) else set()


def _accuracy(gold: list[str], found: list[str | None]) -> float:
    return sum(right == one for right, one in zip(gold, found, strict=True)) / max(1, len(gold))


def _micro_f1(gold: list[set[str]], found: list[set[str]]) -> float:
    hits = sum(len(right & named) for right, named in zip(gold, found, strict=True))
    return 2 * hits / max(1, sum(map(len, gold)) + sum(map(len, found)))
