"""summarize: sections of clinical notes from dialogues of MTS-Dialog, beside the first three sentences and a plain
prompt; and whole meetings of QMSum that don't fit the model, beside LangChain's stock map-reduce."""

import statistics
import time
from collections.abc import Sequence
from typing import Any

from bench.quality.cases import PublicCase, load_cases, sampled
from bench.quality.running import Asked, Bench, Options, Way, compared, measured
from bench.quality.scores import summary_figures
from bench.quality.table import Figure, Row
from chains.errors import CopydeskError
from chains.tasks.summarize import SummarizeOutput
from eval.scorers.tokens import sentences

SHORT, LONG = "summarize_mtsdialog_short", "summarize_qmsum_long"
MAX_WORDS = 80
MEETINGS, MEETING_WORDS = 3, 120
"""So many meetings are read at most, whatever number of cases is asked for: each takes minutes."""


def measure(options: Options) -> list[Row]:
    return [*measured(options, _short), *measured(options, _long)]


async def _short(bench: Bench, options: Options) -> list[Row]:
    cases = sampled(load_cases(options.data, SHORT), options.cases, options.seed)

    async def lead(case: PublicCase) -> Asked[str]:
        return Asked(case, first_sentences(case.text), "", 0.0)

    async def plainly(case: PublicCase) -> Asked[str]:
        return await bench.plainly(case, plain_prompt(case.text), 256)

    async def by_task(case: PublicCase) -> Asked[Any]:
        return await bench.by_task(case, max_words=MAX_WORDS)

    def scores(cases: Sequence[PublicCase], found: Sequence[Any]) -> dict[str, Figure]:
        return _scores(cases, found, MAX_WORDS)

    ways = [
        Way("first three sentences", lead, _as_it_is),
        Way("plain", plainly, _as_it_is),
        Way("task", by_task, _as_it_is),
    ]
    return await compared(options, SHORT, cases, ways, scores)


async def _long(bench: Bench, options: Options) -> list[Row]:
    cases = sampled(load_cases(options.data, LONG), min(options.cases, MEETINGS), options.seed)

    async def stock(case: PublicCase) -> Asked[str]:
        return await by_langchain(bench, case)

    async def by_task(case: PublicCase) -> Asked[Any]:
        return await bench.by_task(case, max_words=MEETING_WORDS)

    def scores(cases: Sequence[PublicCase], found: Sequence[Any]) -> dict[str, Figure]:
        return _scores(cases, found, MEETING_WORDS)

    ways = [Way("LangChain's map_reduce", stock, _as_it_is), Way("task", by_task, _as_it_is)]
    return await compared(options, LONG, cases, ways, scores)


def plain_prompt(text: str) -> str:
    return f"Summarize the following text in at most {MAX_WORDS} words.\n\n{text}"


def first_sentences(text: str, count: int = 3) -> str:
    return "\n".join(sentences(text)[:count])


async def by_langchain(bench: Bench, case: PublicCase) -> Asked[str]:
    """The stock chain with its own prompts and splitter, on the same model. Tokens are taken as four characters each:
    what LangChain counts with by default is a download. The usage of its calls isn't known."""
    from langchain_classic.chains.summarize import load_summarize_chain
    from langchain_core.documents import Document
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    lane = bench.runner.backends[bench.runner.routes[case.task][0]]
    model = lane.model.model_copy(update={"custom_get_token_ids": lambda text: [0] * (len(text) // 4)})
    chain = load_summarize_chain(model, chain_type="map_reduce")
    parts = RecursiveCharacterTextSplitter().split_text(case.text)
    start = time.perf_counter()
    try:
        answer = await chain.ainvoke({"input_documents": [Document(part) for part in parts]})
    except CopydeskError as error:
        return Asked(case, None, error.code, time.perf_counter() - start)
    return Asked(case, str(answer["output_text"]).strip(), "", time.perf_counter() - start)


def _as_it_is(_: PublicCase, answer: Any) -> Any:
    return answer


def _scores(cases: Sequence[PublicCase], found: Sequence[Any], max_words: int) -> dict[str, Figure]:
    references = [case.expected["references"] for case in cases]
    figures = summary_figures([case.text for case in cases], references, list(map(_text, found)), max_words)
    told = [one for one in found if isinstance(one, SummarizeOutput)]
    if told:
        figures["unsupported a case"] = statistics.fmean(len(one.unsupported) for one in told)
        figures["shortened"] = statistics.fmean(one.shortened for one in told)
        figures["chunks"] = statistics.fmean(one.coverage.chunks for one in told)
        figures["chunks used"] = statistics.fmean(one.coverage.chunks_used for one in told)
    return figures


def _text(answer: Any) -> str:
    return answer.summary if isinstance(answer, SummarizeOutput) else answer or ""
