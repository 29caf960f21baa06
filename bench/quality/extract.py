"""extract: entities of WNUT17 and personal data of Presidio's synthetic set, by their places in the text."""

from collections.abc import Sequence
from typing import Any

from bench.quality.cases import PublicCase, load_cases, sampled
from bench.quality.json_answers import json_objects, strings_at
from bench.quality.running import Asked, Bench, Options, Way, compared, measured
from bench.quality.scores import Found, entity_figures
from bench.quality.table import Figure, Row
from eval.scorers.entities import Span

SETS = ("extract_wnut17", "extract_pii_presidio")


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
        types = [{"name": kind} for kind in case.input.params["labels"]]
        return await bench.by_task(case, types=types, string_index_type="unicode")

    ways = [Way("plain", plainly, plain_entities), Way("task", by_task, _task_entities)]
    return await compared(options, name, cases, ways, _scores)


def plain_prompt(case: PublicCase) -> str:
    types = ", ".join(case.input.params["labels"])
    return (
        f"Extract all entities of these types from the text: {types}.\n\nText: {case.text}\n\n"
        'Answer with JSON only: a list of objects like {"text": "...", "type": "..."}. If there are none, answer [].'
    )


def plain_entities(case: PublicCase, answer: str | None) -> Found:
    """The entities of a plain answer, each placed at the next occurrence of its text: the best one can do without
    grounding. One that is named more often than it occurs stands at its first place once more."""
    found = Found()
    ends: dict[str, int] = {}
    for item in json_objects(answer or ""):
        named = strings_at(item, "text", "type")
        if not named or not named[0]:
            continue
        text, kind = named
        start = case.text.find(text, ends.get(text, 0))
        start = case.text.find(text) if start < 0 else start
        if start < 0:
            found.ungrounded.append((text, kind))
        else:
            ends[text] = start + len(text)
            found.entities.append(Span(kind, start, ends[text]))
    return found


def _task_entities(_: PublicCase, answer: Any) -> Found:
    if answer is None:
        return Found()
    spans = [Span(one.type, one.offset, one.offset + one.length) for one in answer.entities]
    return Found(spans, placed=[(one.text, one.offset, one.length) for one in answer.entities])


def _scores(cases: Sequence[PublicCase], found: Sequence[Found]) -> dict[str, Figure]:
    expected = [[Span(one["label"], one["start"], one["end"]) for one in case.expected["entities"]] for case in cases]
    return entity_figures([case.text for case in cases], expected, found)
