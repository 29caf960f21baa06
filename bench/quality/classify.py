"""classify: the right one of 8 or 20 labels of banking77, and the right ones of those of NLU++."""

import random
from collections.abc import Sequence
from typing import Any

from bench.quality.cases import PublicCase, label_set, load_cases, sampled
from bench.quality.json_answers import json_objects, string_at
from bench.quality.running import Asked, Bench, Options, Way, compared, measured
from bench.quality.scores import label_figures, label_set_figures
from bench.quality.table import Figure, Row
from eval.scorers.tokens import words

SINGLE, MULTI = "classify_banking77", "classify_nlupp_multilabel"
COUNTS = (8, 20)


def measure(options: Options) -> list[Row]:
    return measured(options, _measured)


async def _measured(bench: Bench, options: Options) -> list[Row]:
    rows = []
    for count in COUNTS:
        rows += await _single(bench, options, count)
    return rows + await _multi(bench, options)


async def _single(bench: Bench, options: Options, count: int) -> list[Row]:
    cases = sampled(load_cases(options.data, SINGLE), options.cases, options.seed)
    names = list(label_set(options.data, "banking77"))
    offered = {case.id: drawn_labels(case.expected["label"], names, count, options.seed, case.id) for case in cases}

    async def plainly(case: PublicCase) -> Asked[str]:
        return await bench.plainly(case, plain_prompt(case.text, offered[case.id]), 64)

    async def by_task(case: PublicCase) -> Asked[Any]:
        return await bench.by_task(case, labels=[{"name": name} for name in offered[case.id]])

    ways = [
        Way("plain", plainly, lambda case, answer: read_plain_label(answer, offered[case.id])),
        Way("task", by_task, lambda _, answer: answer.labels[0].name if answer and answer.labels else None),
    ]
    return await compared(options, f"{SINGLE} with {count} labels", cases, ways, _single_scores)


def drawn_labels(right: str, names: Sequence[str], count: int, seed: int, case_id: str) -> list[str]:
    """The right label and others of the set, `count` in all, in any order; the same for the same seed and case."""
    chance = random.Random(f"{seed} {case_id}")
    drawn = [right, *chance.sample([name for name in names if name != right], count - 1)]
    chance.shuffle(drawn)
    return drawn


def plain_prompt(text: str, labels: Sequence[str]) -> str:
    listed = "\n".join(f"- {label}" for label in labels)
    return (
        f"Classify the text into exactly one of these labels:\n{listed}\n\nText: {text}\n\n"
        'Answer with JSON only, like {"label": "..."}.'
    )


def read_plain_label(answer: str | None, labels: Sequence[str]) -> str | None:
    """The label that the answer names, whatever its case and whatever joins its words; None where none of those
    offered is named so."""
    named = string_at(answer or "", "label")
    return {tuple(words(label)): label for label in labels}.get(tuple(words(named or "")))


async def _multi(bench: Bench, options: Options) -> list[Row]:
    cases = sampled(load_cases(options.data, MULTI), options.cases, options.seed)
    sets = {name: label_set(options.data, name) for name in {case.input.params["label_set"] for case in cases}}

    def offered(case: PublicCase) -> dict[str, str]:
        return sets[case.input.params["label_set"]]

    async def plainly(case: PublicCase) -> Asked[str]:
        return await bench.plainly(case, plain_multi_prompt(case.text, offered(case)), 128)

    async def by_task(case: PublicCase) -> Asked[Any]:
        labels = [{"name": name, "description": text} for name, text in offered(case).items()]
        return await bench.by_task(case, labels=labels, multi_label=True)

    ways = [
        Way("plain", plainly, lambda case, answer: read_plain_labels(answer, offered(case))),
        Way("task", by_task, lambda _, answer: {label.name for label in answer.labels} if answer else set()),
    ]
    return await compared(options, MULTI, cases, ways, _multi_scores)


def plain_multi_prompt(text: str, labels: dict[str, str]) -> str:
    listed = "\n".join(f"- {name}: {description}" for name, description in labels.items())
    return (
        f"Which of these labels apply to the text? There may be several.\n{listed}\n\nText: {text}\n\n"
        'Answer with JSON only, like {"labels": ["...", "..."]}.'
    )


def read_plain_labels(answer: str | None, labels: dict[str, str]) -> set[str]:
    """Those of the offered labels that the answer's first object names, read as a single one is."""
    found: dict[str, Any] = next(json_objects(answer or ""), {})
    named = found.get("labels")
    given = {tuple(words(name)) for name in named if isinstance(name, str)} if isinstance(named, list) else set()
    return {label for label in labels if tuple(words(label)) in given}


def _single_scores(cases: Sequence[PublicCase], found: Sequence[str | None]) -> dict[str, Figure]:
    return label_figures([case.expected["label"] for case in cases], found)


def _multi_scores(cases: Sequence[PublicCase], found: Sequence[set[str]]) -> dict[str, Figure]:
    return label_set_figures([case.expected["labels"] for case in cases], found)
