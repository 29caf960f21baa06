"""classify: the right one of 8 or 20 labels of banking77, and the right ones of those of NLU++."""

import random
from collections.abc import Sequence
from typing import Any

from bench.quality.cases import PublicCase, label_set, load_cases, sampled
from bench.quality.json_answers import json_objects, string_at
from bench.quality.less_capable import LessCapable, chat_only, without_scores
from bench.quality.running import Asked, Bench, Options, Way, compared, measured
from bench.quality.scores import confidence_figures, label_figures, label_set_figures
from bench.quality.table import Figure, Row
from eval.scorers.tokens import words

SINGLE, MULTI = "classify_banking77", "classify_nlupp_multilabel"
COUNTS = (8, 20)
LISTED = "1.0.0"
"""The version of the prompt that lists the labels and wants JSON under a schema."""
FIRST = 150
"""Cases of banking77 that are reported on; on others of the rest the confidences were calibrated."""
BARS = (0.3, 0.5, 0.7, 0.9)

Said = tuple[str | None, float | None]
"""The label that was given, and how sure it was of it."""


def measure(options: Options) -> list[Row]:
    return measured(options, _measured)


async def _measured(bench: Bench, options: Options) -> list[Row]:
    rows = []
    for count in COUNTS:
        rows += await _single(bench, options, count)
    return rows + await _multi(bench, options)


async def _single(bench: Bench, options: Options, count: int) -> list[Row]:
    cases = sampled(load_cases(options.data, SINGLE)[:FIRST], options.cases, options.seed)
    names = list(label_set(options.data, "banking77"))
    offered = {case.id: drawn_labels(case.expected["label"], names, count, options.seed, case.id) for case in cases}

    async def plainly(case: PublicCase) -> Asked[str]:
        return await bench.plainly(case, plain_prompt(case.text, offered[case.id]), 64)

    def labels(case: PublicCase) -> list[dict[str, str]]:
        return [{"name": name} for name in offered[case.id]]

    async def by_task(case: PublicCase) -> Asked[Any]:
        return await bench.by_task(case, labels=labels(case))

    async def listed(case: PublicCase) -> Asked[Any]:
        return await bench.by_task(case, labels=labels(case), prompt=LISTED)

    def plain_answer(case: PublicCase, answer: str | None) -> Said:
        return read_plain_label(answer, offered[case.id]), None

    no_scores, mute = (LessCapable(bench, "classify", limits) for limits in (without_scores, chat_only))
    ways = [
        Way("plain", plainly, plain_answer),
        Way("task", by_task, _said),
        Way("task, prompt 1.0.0", listed, _said),
        Way("task, no scores", lambda case: no_scores.asked(case, {"labels": labels(case)}), _said),
        Way("task, chat only", lambda case: mute.asked(case, {"labels": labels(case)}), _said),
    ]
    return await compared(options, f"{SINGLE} with {count} labels", cases, ways, _single_scores)


def _said(_: PublicCase, answer: Any) -> Said:
    return (answer.labels[0].name, answer.labels[0].confidence) if answer and answer.labels else (None, None)


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
    cases = sampled(load_cases(options.data, MULTI)[::2], options.cases, options.seed)
    sets = {name: label_set(options.data, name) for name in {case.input.params["label_set"] for case in cases}}

    def offered(case: PublicCase) -> dict[str, str]:
        return sets[case.input.params["label_set"]]

    async def plainly(case: PublicCase) -> Asked[str]:
        return await bench.plainly(case, plain_multi_prompt(case.text, offered(case)), 128)

    def described(case: PublicCase) -> dict[str, Any]:
        return {
            "labels": [{"name": name, "description": text} for name, text in offered(case).items()],
            "multi_label": True,
        }

    def named(case: PublicCase) -> dict[str, Any]:
        return {"labels": [{"name": name} for name in offered(case)], "multi_label": True}

    def given(_: PublicCase, answer: Any) -> set[str]:
        return {label.name for label in answer.labels} if answer else set()

    no_scores = LessCapable(bench, "classify", without_scores)
    ways = [
        Way("plain", plainly, lambda case, answer: read_plain_labels(answer, offered(case))),
        Way("task", lambda case: bench.by_task(case, **described(case)), given),
        Way("task, names alone", lambda case: bench.by_task(case, **named(case)), given),
        Way("task, no scores", lambda case: no_scores.asked(case, named(case)), given),
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


def _single_scores(cases: Sequence[PublicCase], found: Sequence[Said]) -> dict[str, Figure]:
    """How right the labels are, and what the confidences are worth: `from 0.5` is the share of cases that are answered
    from there on, and the share of right ones among them."""
    right = [case.expected["label"] == name for case, (name, _) in zip(cases, found, strict=True)]
    scores = label_figures([case.expected["label"] for case in cases], [name for name, _ in found])
    sure = [confidence for _, confidence in found if confidence is not None]
    if len(sure) < len(found) or not sure:
        return scores
    scores |= confidence_figures(sure, right)
    for bar in BARS:
        kept = [hit for hit, confidence in zip(right, sure, strict=True) if confidence >= bar]
        scores[f"from {bar:g}"] = f"{len(kept) / len(right):.2f}: {sum(kept) / len(kept):.2f}" if kept else "0"
    return scores


def _multi_scores(cases: Sequence[PublicCase], found: Sequence[set[str]]) -> dict[str, Figure]:
    return label_set_figures([case.expected["labels"] for case in cases], found)
