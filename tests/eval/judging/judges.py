"""Scripted judges whose bias is known: each answers by a rule over what it is shown."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from chains.backends.configuration import ModelIdentity
from chains.prompts import load_prompt_set
from chains.runner import parts_of
from eval.judging.judge import PROMPT, Judge
from eval.judging.labelled import LabelledPair, load_labelled
from eval.judging.pair import JudgedPair, Pair, Preference
from tests.conftest import ROOT
from tests.traffic.lanes import lane_over

__all__ = ["JUDGE", "JUDGED", "LABELLED", "Rule", "always_first", "judged", "longer", "right", "right_mostly", "script"]

JUDGE = ModelIdentity("scripted", "judge", "sha256:" + "1" * 64)
JUDGED = ModelIdentity("scripted", "judged", "sha256:" + "2" * 64)
LABELLED = load_labelled(ROOT / "eval" / "datasets" / "judge")

Said = Literal["first", "second", "tie"]
Rule = Callable[[LabelledPair, Sequence[Preference]], Said]
"""What a judge says of a pair whose answers stand in this order."""


def always_first(pair: LabelledPair, order: Sequence[Preference]) -> Said:
    return "first"


def right(pair: LabelledPair, order: Sequence[Preference]) -> Said:
    return _place(pair.better, order)


def longer(pair: LabelledPair, order: Sequence[Preference]) -> Said:
    baseline, candidate = len(pair.baseline), len(pair.candidate)
    if baseline == candidate:
        return "tie"
    return _place(Preference.BASELINE if baseline > candidate else Preference.CANDIDATE, order)


def right_mostly(share: float, pairs: Sequence[LabelledPair]) -> Rule:
    """Right in exactly this share of the pairs, drawn once; else it prefers the worse answer, or has a favourite where
    there is none. It says the same in both orders."""
    chosen = random.Random(5).sample(sorted(pair.id for pair in pairs), round(share * len(pairs)))
    wrong = {
        Preference.BASELINE: Preference.CANDIDATE,
        Preference.CANDIDATE: Preference.BASELINE,
        Preference.TIE: Preference.CANDIDATE,
    }

    def rule(pair: LabelledPair, order: Sequence[Preference]) -> Said:
        return _place(pair.better if pair.id in chosen else wrong[pair.better], order)

    return rule


def script(rule: Rule, pairs: Sequence[LabelledPair]) -> list[Mapping[str, Any]]:
    """Two lines for each pair: one for each order of its answers."""
    lines: list[Mapping[str, Any]] = []
    for pair in pairs:
        texts = {Preference.BASELINE: pair.baseline, Preference.CANDIDATE: pair.candidate}
        for order in (list(texts), list(texts)[::-1]):
            first, second = (texts[side] for side in order)
            shown = f"<first>\n{first}\n</first>\n\n<second>\n{second}\n</second>\n\nCriterion: {pair.criterion}"
            lines.append({"when": shown, "answer": {"reason": "By the rule.", "better": rule(pair, order)}})
    return lines


def judged(answers: Sequence[Mapping[str, Any]], pairs: Sequence[Pair], **settings: Any) -> list[JudgedPair]:
    """What a judge on this script makes of the pairs."""
    lane, _ = lane_over(answers, **settings)
    prompt = load_prompt_set(ROOT / "prompts").get(PROMPT, "1.0.0")
    judge = Judge(parts_of(prompt, lane), JUDGE, [JUDGED])
    return asyncio.run(judge.judge_all(pairs, 4))


def _place(better: Preference, order: Sequence[Preference]) -> Said:
    if better is Preference.TIE:
        return "tie"
    return "first" if order[0] is better else "second"
