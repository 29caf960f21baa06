"""The judge of an evaluation: a backend, a pinned prompt, and where its answers are recorded."""

import asyncio
import logging
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from app.settings import Settings, load_settings
from app.starting import with_started_backends
from chains.errors import ConfigurationError
from cli.evaluate.command_line import same_command
from cli.evaluate.options import Mode
from cli.evaluate.progress import shown_progress, span
from cli.evaluate.session import tell_missing

if TYPE_CHECKING:
    from chains.backends.configuration import ModelIdentity
    from chains.prompts import PromptSet
    from eval.judging.pair import JudgedPair, Pair
    from eval.running import Progress

__all__ = ["Instrument", "instrument_of"]

_RECORDINGS = Path("eval/recordings/judge")
_VERSION = "1.0.0"
"""The version of the judge's prompt: another one is another judge."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """A judge that was checked before anything is asked. `asked` has its backend alone, as the call's mode reaches it;
    `judged` are the models whose answers it compares."""

    name: str
    identity: "ModelIdentity"
    judged: "Collection[ModelIdentity]"
    prompts: "PromptSet"
    asked: Settings
    mode: Mode
    recordings: Path

    @property
    def is_recorded(self) -> bool:
        return self.mode is not Mode.LIVE

    def judge(self, pairs: "Sequence[Pair]") -> "Sequence[JudgedPair]":
        """Judge all pairs. Each answer is recorded when it is complete, so that the same call goes on where this one
        stopped. Interrupted, it tells so, and ends with 130; where recordings are missing, it tells how to make them.

        Raises ConfigurationError, BackendError.
        """
        from eval.running import Progress

        logging.basicConfig(level=logging.WARNING, format="copydesk: %(message)s")
        if self.mode is Mode.REPLAY and not _exists(self.asked, self.name, self.recordings):
            tell_missing(len(pairs), len(pairs), self.recordings, "pairs")
        progress = Progress(total=len(pairs))
        try:
            with with_started_backends(self.asked) as started:
                found, missing = asyncio.run(self._judged(started, pairs, progress))
        except KeyboardInterrupt:
            self._tell_stopped(progress)
            raise typer.Exit(130) from None
        if missing:
            tell_missing(missing, len(pairs), self.recordings, "pairs")
        print(f"judge: {len(found)} pairs in {span(progress.seconds)}{self._kept()}", file=sys.stderr)
        return found

    async def _judged(
        self, started: Settings, pairs: "Sequence[Pair]", progress: "Progress"
    ) -> "tuple[Sequence[JudgedPair], int]":
        from app.composition import build_trial_runner
        from chains.runner import parts_of
        from eval.judging.asking import judge_pairs
        from eval.judging.judge import PROMPT, Judge

        runner = build_trial_runner(started, self.prompts, (self.name,))
        try:
            lane = runner.backends[self.name]
            judge = Judge(parts_of(self.prompts.get(PROMPT, _VERSION), lane), self.identity, self.judged)
            with shown_progress("judge", "pairs") as tell:

                def count() -> None:
                    progress.done += 1
                    tell(progress)

                found = await judge_pairs(judge, pairs, max(1, lane.admission.slots), count)
        finally:
            await runner.aclose()
        return found.pairs, found.missing

    def _tell_stopped(self, progress: "Progress") -> None:
        print(f"copydesk: stopped; {progress.done} of {progress.total} pairs were judged.", file=sys.stderr)
        if self.is_recorded:
            print(f"copydesk: They are recorded. To go on: {same_command()}", file=sys.stderr)

    def _kept(self) -> str:
        return f", in {self.recordings}" if self.is_recorded else ""


def instrument_of(
    name: str,
    judged: "Collection[ModelIdentity]",
    prompts: Path,
    mode: Mode,
    recordings: Path | None,
    config: Path | None,
) -> Instrument:
    """Raises ConfigurationError where there is no such backend, where it has a model that it would judge, and where the
    recordings are of another model; UnknownPrompt where the folder hasn't the judge's prompt."""
    from chains.backends.replay.modes import RecordingMode, in_mode
    from chains.prompts import load_prompt_set
    from chains.prompts.selection import by_version
    from eval.judging.judge import PROMPT, check_judge

    settings = load_settings(config)
    if name not in settings.backends:
        known = ", ".join(settings.backends)
        raise ConfigurationError(f"--judge: there is no backend {name!r}; the backends are {known}")
    loaded = load_prompt_set(prompts)
    by_version(loaded, PROMPT, _VERSION)
    path = recordings if recordings and recordings.suffix == ".jsonl" else (recordings or _RECORDINGS) / f"{name}.jsonl"
    backend = settings.backends[name]
    is_empty = mode is Mode.REPLAY and not _exists(settings, name, path)
    reached = backend if is_empty else in_mode(backend, RecordingMode(mode.value), path)
    identity = reached.identity()
    check_judge(identity, judged)
    return Instrument(
        name, identity, judged, loaded, settings.model_copy(update={"backends": {name: reached}}), mode, path
    )


def _exists(settings: Settings, name: str, path: Path) -> bool:
    """Whether there is something to replay."""
    return settings.backends[name].kind == "replay" or path.exists()
