"""Asks a judge for many pairs at once: how far it is, and what lacks a recording."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chains.errors import RecordingMissing
from chains.parallel import in_parallel
from chains.recordings import noting_recordings
from eval.judging.judge import Judge
from eval.judging.pair import JudgedPair, Pair

__all__ = ["Judgements", "judge_pairs"]


@dataclass(frozen=True, slots=True)
class Judgements:
    """`pairs` in the order in which they were asked for; `missing` ones lack a recording, and aren't there."""

    pairs: tuple[JudgedPair, ...]
    missing: int


async def judge_pairs(judge: Judge, pairs: Sequence[Pair], width: int, tell: Callable[[], object]) -> Judgements:
    """Ask for all pairs, `width` of them at once; `tell` is called after each. Raises BackendError where the judge
    can't be reached."""

    async def judged(pair: Pair) -> JudgedPair | None:
        with noting_recordings(f"the pair {pair.id}"):
            try:
                return await judge.judge(pair)
            except RecordingMissing:
                return None
            finally:
                tell()

    found = await in_parallel(judged, pairs, width)
    there = tuple(pair for pair in found if pair is not None)
    return Judgements(there, len(found) - len(there))
