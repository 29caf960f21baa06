"""From the outcomes of a run to what a judge is asked: each case's request, and the two answers to it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from chains.errors import ConfigurationError
from eval.datasets import Case
from eval.judging.pair import JudgedPair, Pair, Preference
from eval.outcomes import Outcome

__all__ = ["Questions", "questions_of"]

_KEEPS_FACTS = "States what the document says, and nothing that it doesn't say"
_REQUESTS: Mapping[str, str] = MappingProxyType(
    {"summarize": "Summarize the document", "rewrite": "Rewrite the document", "generate": ""}
)
_CRITERIA: Mapping[str, str] = MappingProxyType(
    {
        "summarize": f"{_KEEPS_FACTS}, as the request asks for it.",
        "rewrite": "Is written as the request asks, and keeps all facts of the document.",
        "generate": "Does what the request asks, with the facts of the document, and no others.",
    }
)


@dataclass(frozen=True, slots=True)
class Questions:
    """`pairs` are for the judge. What needs none is `settled`: the same answer on both sides or a failure on both is a
    tie, a failure on one side has lost."""

    pairs: tuple[Pair, ...]
    settled: tuple[JudgedPair, ...]


def questions_of(
    task: str, cases: Sequence[Case], baseline: Sequence[Outcome], candidate: Sequence[Outcome]
) -> Questions:
    """One pair for each case that both sides have an outcome of; of several repeats the first.

    Raises ConfigurationError for tasks whose answers are no texts: there the expected ones decide.
    """
    if task not in _CRITERIA:
        raise ConfigurationError(
            f"a judge compares texts, and the answers of {task} are none: they are compared with the expected ones by "
            f"`copydesk eval gate`. A judge takes {', '.join(_CRITERIA)}."
        )
    before, after = (_first(outcomes) for outcomes in (baseline, candidate))
    taken = [case for case in cases if case.id in before and case.id in after]
    settled = {case.id: found for case in taken if (found := _settled(case.id, before[case.id], after[case.id]))}
    pairs = [_pair(case, before[case.id], after[case.id]) for case in taken if case.id not in settled]
    return Questions(tuple(pairs), tuple(settled.values()))


def _first(outcomes: Sequence[Outcome]) -> dict[str, Outcome]:
    return {outcome.case: outcome for outcome in outcomes if outcome.repeat == 0}


def _settled(case: str, before: Outcome, after: Outcome) -> JudgedPair | None:
    failed = [before.output is None, after.output is None]
    if all(failed) or (not any(failed) and before.text() == after.text()):
        side = Preference.TIE
    elif any(failed):
        side = Preference.CANDIDATE if failed[0] else Preference.BASELINE
    else:
        return None
    return JudgedPair(case, side, side, is_asked=False)


def _pair(case: Case, before: Outcome, after: Outcome) -> Pair:
    params = dict(case.input.params)
    if case.task == "generate":
        request, text = case.input.text, _shown(params.pop("data", {}))
    else:
        request, text = _REQUESTS[case.task], case.input.text
    told = "; ".join(f"{name}: {_shown(value)}" for name, value in params.items())
    request = f"{request} ({told})" if told else request
    return Pair(case.id, request, text, _CRITERIA[case.task], before.text(), after.text())


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
