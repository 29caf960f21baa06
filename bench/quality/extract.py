"""extract: entities of WNUT17 and personal data of Presidio's synthetic set, by their places in the text."""

from typing import Any

from bench.quality.cases import PublicCase, load_cases, sampled
from bench.quality.json_answers import first_json, strings_at
from bench.quality.running import Asked, Bench, Options, cost_of, measured, through
from bench.quality.table import Figure, Row

SETS = ("extract_wnut17", "extract_pii_presidio")
Place = tuple[str, int, int]
"""A type, and the code points where the entity begins and ends."""


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
        return await bench.plainly(case, plain_prompt(case), 512)

    async def by_task(case: PublicCase) -> Asked[Any]:
        types = [{"name": kind} for kind in case.input.params["labels"]]
        return await bench.by_task(case, types=types, string_index_type="unicode")

    plain = await through(f"{name}, plain", cases, plainly)
    task = await through(f"{name}, task", cases, by_task)
    plain_places = [plain_entities(one.case.text, one.answer) for one in plain]
    task_places = [
        ([(e.type, e.offset, e.offset + e.length) for e in one.answer.entities], 0) if one.answer else ([], 0)
        for one in task
    ]
    gold = [[(e["label"], e["start"], e["end"]) for e in case.expected["entities"]] for case in cases]
    return [
        Row(name, way, len(cases), {**_scores(gold, found), **cost_of(asked)})
        for way, found, asked in (("plain", plain_places, plain), ("task", task_places, task))
    ]


def plain_prompt(case: PublicCase) -> str:
    types = ", ".join(case.input.params["labels"])
    return (
        f"Extract all entities of these types from the text: {types}.\n\nText: {case.text}\n\n"
        'Answer with JSON only: a list of objects like {"text": "...", "type": "..."}. If there are none, answer [].'
    )


def plain_entities(text: str, answer: str | None) -> tuple[list[Place], int]:
    """The entities of a plain answer, placed at the next occurrence of their text, and how many occur nowhere."""
    places: list[Place] = []
    ungrounded = 0
    after: dict[str, int] = {}
    for item in first_json(answer or "", list) or []:
        named = strings_at(item, "text", "type")
        if not named or not named[0]:
            continue
        start = text.find(named[0], after.get(named[0], 0))
        if start >= 0:
            after[named[0]] = start + len(named[0])
            places.append((named[1], start, start + len(named[0])))
        elif named[0] not in after:
            ungrounded += 1
    return places, ungrounded


def _scores(gold: list[list[Place]], found: list[tuple[list[Place], int]]) -> dict[str, Figure]:
    """Strict matches; an entity that occurs nowhere counts as a wrong one."""
    hits = sum(len(set(right) & set(places)) for right, (places, _) in zip(gold, found, strict=True))
    named = sum(len(places) + missing for places, missing in found)
    precision, recall = hits / max(1, named), hits / max(1, sum(map(len, gold)))
    return {
        "strict F1": 2 * hits / max(1, named + sum(map(len, gold))),
        "precision": precision,
        "recall": recall,
        "ungrounded": sum(missing for _, missing in found),
    }
