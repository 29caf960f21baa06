"""summarize: sections of clinical notes from dialogues of MTS-Dialog, beside the first three sentences."""

from collections.abc import Sequence
from typing import Any

from bench.quality.cases import PublicCase, load_cases, sampled
from bench.quality.running import Asked, Bench, Options, Way, compared, measured
from bench.quality.scores import summary_figures
from bench.quality.table import Figure, Row
from eval.scorers.tokens import sentences

SHORT = "summarize_mtsdialog_short"
MAX_WORDS = 80


def measure(options: Options) -> list[Row]:
    return measured(options, _short)


async def _short(bench: Bench, options: Options) -> list[Row]:
    cases = sampled(load_cases(options.data, SHORT), options.cases, options.seed)

    async def lead(case: PublicCase) -> Asked[str]:
        return Asked(case, first_sentences(case.text), "", 0.0)

    async def plainly(case: PublicCase) -> Asked[str]:
        return await bench.plainly(case, plain_prompt(case.text), 256)

    async def by_task(case: PublicCase) -> Asked[Any]:
        return await bench.by_task(case, max_words=MAX_WORDS)

    ways = [
        Way("first three sentences", lead, lambda _, answer: answer),
        Way("plain", plainly, lambda _, answer: answer or ""),
        Way("task", by_task, lambda _, answer: answer.summary if answer else ""),
    ]
    return await compared(options, SHORT, cases, ways, _scores)


def plain_prompt(text: str) -> str:
    return f"Summarize the following text in at most {MAX_WORDS} words.\n\n{text}"


def first_sentences(text: str, count: int = 3) -> str:
    return "\n".join(sentences(text)[:count])


def _scores(cases: Sequence[PublicCase], texts: Sequence[str]) -> dict[str, Figure]:
    references = [case.expected["references"] for case in cases]
    return summary_figures([case.text for case in cases], references, texts, MAX_WORDS)
