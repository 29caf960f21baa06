"""What is left of the overhead where a real model answers: the embedded one, asked directly and through Copydesk."""

import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from bench.side_by_side.bench import Bench
from bench.side_by_side.endpoint import Endpoint, Reply
from bench.side_by_side.processes import cpu_seconds
from bench.side_by_side.results import Aim, Row, Section, row
from bench.side_by_side.sections.judged import Figures
from bench.side_by_side.sections.plain_ways import FOLDER, ways
from bench.side_by_side.services import EMBEDDED, backend_of, serving
from bench.side_by_side.subjects.subject import MissingSubject
from eval.datasets import load_dataset

__all__ = ["KEY", "aims", "compared", "measure"]

KEY = "real_model"
US, DIRECT = "copydesk", "direct"
ALONE, AT_ONCE = "summaries, one at a time", "summaries, 4 at once"
CALLERS = 4
LEAST_PAIRS = 5
"""So many answers of the same length tell a difference of 2 %, if any do."""
MOST_WORDS = 100
"""So many that no summary is asked for again because it is too long: each is one call, as the direct one is."""

_METHOD = f"""\
Two processes of the embedded model (SmolLM2 135M, llama.cpp, two slots), of which one serves Copydesk and the other is
asked directly over its socket: the messages and parameters that Copydesk's prompt makes of the same texts. Both get the
same texts in the same order, so that both find the same in their prompt caches; who is asked first changes each time,
and only one of them works at a time. One at a time: the ratio is the median of the texts' own, of those that both
answered with as many tokens (Copydesk asks again where an answer has too many words); of fewer than {LEAST_PAIRS} such
texts, as in a quick run, there is none. At once: four callers ask for all texts as fast as they can; what counts is
tokens written a second. The last tables set each task beside the plain way to ask the same model for the same
(`bench/quality`), on golden cases in English: time and tokens a case.
"""
_NOTES = [
    "A task's first case is slow where its prompt has examples, which the model then reads; later ones find them read.",
    "`unusable` answers of the plain way name no label that was offered, hold no JSON with an entity that stands in "
    "the text, or have too many words. Copydesk's can't be so; there it counts requests that ended with an error.",
    "What the answers are worth is another question, which `make quality` measures on public sets.",
]


@dataclass(frozen=True)
class Text:
    """One to summarize: a request to the task, and the same question to a chat model."""

    task: dict[str, Any]
    chat: dict[str, Any]


@dataclass(frozen=True)
class Sides:
    """The service, with the id of its process, and a model that nobody else asks."""

    service: Endpoint
    pid: int
    model: Endpoint

    def ask(self, side: str, text: Text) -> Reply:
        """Raises MissingSubject where the answer isn't good."""
        if side == US:
            reply = self.service.post("/v1/summarize", text.task)
        else:
            reply = self.model.post("/v1/chat/completions", text.chat)
        reply.good()
        return reply


def measure(bench: Bench) -> Section:
    """Raises MissingSubject where the embedded model isn't installed or fails."""
    with _sides(bench) as sides:
        rows = [*_one_at_a_time(bench, sides), *_at_once(bench, sides)]
        rows += [
            row(KEY, each.way, f"{each.task}, a case", each.metric, each.unit, each.figures)
            for each in ways(sides.service, sides.model, cases=1 if bench.quick else 4)
        ]
    title = "A real model"
    return Section(
        key=KEY, title=title, method=_METHOD, command=bench.command(KEY), rows=rows, aims=aims(rows), notes=_NOTES
    )


@contextmanager
def _sides(bench: Bench) -> Iterator[Sides]:
    from chains.backends.embedded.configuration import EmbeddedConfig
    from chains.errors import CopydeskError

    try:
        with (
            backend_of(EMBEDDED) as backend,
            EmbeddedConfig().started("direct") as direct,
            serving(backend, bench.new_folder("embedded")) as service,
        ):
            assert direct.socket is not None
            yield Sides(service.endpoint, service.pid, Endpoint.unix(direct.socket))
    except CopydeskError as error:
        raise MissingSubject(str(error)) from error


def _one_at_a_time(bench: Bench, sides: Sides) -> Iterator[Row]:
    texts = _texts(sides.service, 2 if bench.quick else 6)
    _round(sides, texts[:1], US, DIRECT)  # both have read the system's message by then
    seconds: dict[str, list[float]] = {US: [], DIRECT: []}
    tokens: dict[str, list[float]] = {US: [], DIRECT: []}
    ratios: list[float] = []
    cpu: list[float] = []
    for number in range(1 if bench.quick else 3):
        order = (US, DIRECT) if number % 2 else (DIRECT, US)
        before = cpu_seconds(sides.pid)
        replies = _round(sides, [_anew(text, number) for text in texts], *order)
        cpu.append((cpu_seconds(sides.pid) - before) * 1000 / len(texts))
        for side in order:
            seconds[side].append(statistics.fmean(reply.seconds for reply in replies[side]))
            tokens[side].append(statistics.fmean(map(_written, replies[side])))
        pairs = zip(replies[US], replies[DIRECT], strict=True)
        ratios += [ours.seconds / theirs.seconds for ours, theirs in pairs if _written(ours) == _written(theirs)]
        bench.tell(f"  one at a time: {statistics.median(ratios or [0]):.3f} times the direct call so far")
    for side in (US, DIRECT):
        yield row(KEY, side, ALONE, "time", "s", seconds[side])
        yield row(KEY, side, ALONE, "tokens written", "tokens", tokens[side])
    yield row(KEY, US, ALONE, "CPU of the service", "ms/request", cpu)
    yield from compared(ratios)


def compared(ratios: Sequence[float]) -> Iterator[Row]:
    """Of texts that both answered with as many tokens; too few of them have no ratio."""
    if len(ratios) >= LEAST_PAIRS:
        yield row(KEY, f"{US} / {DIRECT}", ALONE, "ratio of times", "times", ratios)
    yield row(KEY, f"{US} / {DIRECT}", ALONE, "texts compared", "texts", [len(ratios)])


def _round(sides: Sides, texts: Sequence[Text], *order: str) -> dict[str, list[Reply]]:
    """Each text is asked of both, one right after the other."""
    found: dict[str, list[Reply]] = {side: [] for side in order}
    for number, text in enumerate(texts):
        for side in order if number % 2 else order[::-1]:
            found[side].append(sides.ask(side, text))
    return found


def _at_once(bench: Bench, sides: Sides) -> Iterator[Row]:
    texts = _texts(sides.service, 4 if bench.quick else 8)
    rates: dict[str, list[float]] = {US: [], DIRECT: []}
    answers: dict[str, list[float]] = {US: [], DIRECT: []}
    ratios = []
    for number in range(1 if bench.quick else 3):
        for side in (US, DIRECT) if number % 2 else (DIRECT, US):
            start = perf_counter()
            with ThreadPoolExecutor(CALLERS) as pool:
                each = [_anew(text, 100 + number) for text in texts]
                replies = list(pool.map(lambda text, side=side: sides.ask(side, text), each))
            seconds = perf_counter() - start
            rates[side].append(sum(map(_written, replies)) / seconds)
            answers[side].append(len(replies) / seconds)
        ratios.append(rates[US][-1] / rates[DIRECT][-1])
        bench.tell(f"  {CALLERS} at once: {ratios[-1]:.3f} times the direct goodput")
    for side in (US, DIRECT):
        yield row(KEY, side, AT_ONCE, "goodput", "tokens/s", rates[side])
        yield row(KEY, side, AT_ONCE, "answers", "1/s", answers[side])
    yield row(KEY, f"{US} / {DIRECT}", AT_ONCE, "ratio of goodputs", "times", ratios)


def _texts(service: Endpoint, count: int) -> list[Text]:
    """Golden cases for summaries as the service renders them. Raises MissingSubject."""
    cases = [case for case in load_dataset(FOLDER / "summarize") if case.language == "en"]
    plain = [case for case in cases if set(case.input.params) == {"max_words"} and 140 <= len(case.input.text) < 600]
    prompt = service.get("/v1/prompts/summarize").good()
    served = next(each["version"] for each in prompt["labels"] if each["label"] == "production")
    asked = next(each["parameters"] for each in prompt["versions"] if each["version"] == served)
    found = []
    for case in plain[:count]:
        inputs = {"text": case.input.text, "max_words": MOST_WORDS}
        messages = service.post("/v1/prompts/summarize/render", {"inputs": inputs}).good()["messages"]
        chat = {"messages": messages, "max_tokens": asked["max_output_tokens"]}
        chat |= {name: asked[name] for name in ("temperature", "frequency_penalty") if name in asked}
        found.append(Text(inputs, chat))
    return found


def _anew(text: Text, number: int) -> Text:
    """The same with a number before it, so that nobody has read it."""
    old = text.task["text"]
    new = f"({number}) {old}"
    messages = [{**each, "content": each["content"].replace(old, new)} for each in text.chat["messages"]]
    return replace(text, task={**text.task, "text": new}, chat={**text.chat, "messages": messages})


def _written(reply: Reply) -> int:
    if "meta" in reply.body:
        return int(reply.body["meta"]["usage"]["output_tokens"])
    return int(reply.body["usage"]["completion_tokens"])


def aims(rows: Sequence[Row]) -> list[Aim]:
    figures = Figures(rows)
    both = f"{US} / {DIRECT}"
    text = "a task takes at most 2 % more than the direct call"
    return [
        figures.at_most(text, both, ALONE, "ratio of times", bound=1.02, unit="times"),
        figures.at_least(
            "goodput of 4 at once within 2 %", both, AT_ONCE, "ratio of goodputs", bound=0.98, unit="times"
        ),
    ]
