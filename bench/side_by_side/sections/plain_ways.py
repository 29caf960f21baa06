"""Each task beside the plain way: a user's message that asks the same model for the same, and reading what it wrote."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import eval.datasets
from bench.quality import classify, extract
from bench.quality.cases import PublicCase, PublicInput
from bench.side_by_side.endpoint import Endpoint, Reply
from chains.text.words import count_words
from eval.datasets import Case, load_dataset

__all__ = ["FOLDER", "PLAIN_WAYS", "Figures", "cases_of", "ways"]

TASK, PLAIN = "task", "plain"
FOLDER = Path(eval.datasets.__file__).with_suffix("")
"""The golden cases of each task, in a folder of its name."""
_LONGEST = 400


@dataclass(frozen=True)
class Figures:
    """One metric of one way of doing a task, one figure for all its cases or one a case."""

    way: str
    task: str
    metric: str
    unit: str
    figures: list[float]


@dataclass(frozen=True)
class PlainWay:
    """How one asks plainly for a task's answer, and whether an answer can be used. `takes` tells which cases can be
    asked for both ways."""

    prompt: Callable[[Case], str]
    most_tokens: int
    is_usable: Callable[[Case, str], bool]
    takes: Callable[[Case], bool]


def ways(service: Endpoint, model: Endpoint, cases: int) -> Iterator[Figures]:
    """For each of the tasks, on so many golden cases, both ways in turns. Raises MissingSubject."""
    for task, plain in PLAIN_WAYS.items():
        found: dict[str, list[Reply]] = {TASK: [], PLAIN: []}
        unusable = {TASK: 0, PLAIN: 0}
        for case in cases_of(task)[:cases]:
            for way, reply in (
                (TASK, service.post(f"/v1/{task}", {"text": case.input.text, **case.input.params})),
                (PLAIN, model.post("/v1/chat/completions", _question(case, plain))),
            ):
                found[way].append(reply)
                unusable[way] += not _is_good(way, case, reply, plain)
        for way, replies in found.items():
            yield from _figures(way, task, replies, unusable[way])


def cases_of(task: str) -> list[Case]:
    """The short golden cases in English that can be asked for both ways."""
    found = [case for case in load_dataset(FOLDER / task) if case.language == "en" and PLAIN_WAYS[task].takes(case)]
    return [case for case in found if len(case.input.text) <= _LONGEST]


def _question(case: Case, plain: PlainWay) -> dict[str, Any]:
    messages = [{"role": "user", "content": plain.prompt(case)}]
    return {"messages": messages, "temperature": 0, "max_tokens": plain.most_tokens}


def _is_good(way: str, case: Case, reply: Reply, plain: PlainWay) -> bool:
    if way == TASK or reply.status != 200:
        return reply.status == 200
    return plain.is_usable(case, str(reply.body["choices"][0]["message"]["content"]))


def _figures(way: str, task: str, replies: Sequence[Reply], unusable: int) -> Iterator[Figures]:
    read, written = zip(*map(_tokens, replies), strict=True)
    yield Figures(way, task, "time", "s", [reply.seconds for reply in replies])
    yield Figures(way, task, "tokens read", "tokens", list(read))
    yield Figures(way, task, "tokens written", "tokens", list(written))
    yield Figures(way, task, "unusable", f"of {len(replies)}", [unusable])


def _tokens(reply: Reply) -> tuple[float, float]:
    """Of prompts and of answers; none are told of a request that failed."""
    if "meta" in reply.body:
        usage = reply.body["meta"]["usage"]
        return usage["input_tokens"], usage["output_tokens"]
    usage = reply.body.get("usage", {})
    return usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)


def _labels(case: Case) -> list[str]:
    return [label["name"] for label in case.input.params["labels"]]


def _public(case: Case) -> PublicCase:
    """As bench/quality has cases of extract."""
    params = {"labels": [each["name"] for each in case.input.params["types"]]}
    return PublicCase(id=case.id, task=case.task, input=PublicInput(text=case.input.text, params=params), expected={})


def _most_words(case: Case) -> int:
    return int(case.input.params["max_words"])


PLAIN_WAYS = {
    "classify": PlainWay(
        prompt=lambda case: classify.plain_prompt(case.input.text, _labels(case)),
        most_tokens=64,
        is_usable=lambda case, answer: classify.read_plain_label(answer, _labels(case)) is not None,
        takes=lambda case: set(case.input.params) == {"labels"},
    ),
    "extract": PlainWay(
        prompt=lambda case: extract.plain_prompt(_public(case)),
        most_tokens=256,
        is_usable=lambda case, answer: bool(extract.plain_entities(_public(case), answer).entities),
        takes=lambda case: set(case.input.params) == {"types"} and bool(case.expected["entities"]),
    ),
    "summarize": PlainWay(
        prompt=lambda case: f"Summarize the following text in at most {_most_words(case)} words.\n\n{case.input.text}",
        most_tokens=512,
        is_usable=lambda case, answer: 0 < count_words(answer) <= _most_words(case),
        takes=lambda case: set(case.input.params) == {"max_words"},
    ),
}
