"""Edits of the prompt folder are served without a restart; whatever is wrong with them, the last good set stays."""

import asyncio
import logging
import time
from collections.abc import Iterator
from pathlib import Path

from app.metrics import Metrics
from chains.errors import PromptError, PromptSetError
from chains.prompts import PromptSet, load_served_set
from chains.prompts.labels import Target
from chains.prompts.watch import changes, read_settled
from chains.runner import Runner

__all__ = ["PromptReloader"]

_log = logging.getLogger("copydesk.prompts")
_AGAIN_S = 10.0
_REST_PER_LOAD = 50
_MOST_NAMED = 3
_MOST_CHANGES = 20
_LONGEST_ERROR = 1000


class PromptReloader:
    """Keeps a runner at the newest good state of its prompt folder. Every process of the service has its own.

    `loaded_at` is when the set that serves was taken over, in epoch milliseconds; `last_error` says why what lies
    in the folder now isn't served, and is None where it is. `last_places` says only where it is wrong, and quotes
    nothing of a prompt.
    """

    def __init__(self, runner: Runner, metrics: Metrics) -> None:
        self.loaded_at = _now_ms()
        self.last_error: str | None = None
        self.last_places: str | None = None
        self._runner = runner
        self._metrics = metrics
        metrics.prompts_served(runner.prompts.digest)
        self._folder = runner.prompts.folder
        self._load_s = 0.0

    async def run(self) -> None:
        """Reload after every change, until cancelled. A refused folder is also read again now and then: what
        refused it may have been the file system."""
        changed = asyncio.Event()
        watching = asyncio.create_task(self._watch(changed))
        try:
            while True:
                pause = max(_AGAIN_S, self._load_s * _REST_PER_LOAD)
                await _set_within(changed, None if self.last_error is None else pause)
                changed.clear()
                await self.reload()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self, changed: asyncio.Event) -> None:
        while True:
            try:
                async for _ in changes(self._folder):
                    changed.set()
            except Exception:
                _log.exception("watching %s failed; it is begun again", self._folder)
            await asyncio.sleep(_AGAIN_S)

    async def reload(self) -> None:
        """Read the folder once and let it serve if it is good. Raises nothing."""
        start = time.monotonic()
        try:
            prompts = await asyncio.to_thread(read_settled, self._folder, self._load)
            if prompts.digest != self._runner.prompts.digest:
                self._take_over(prompts)
            elif self.last_error is not None:
                _log.info("prompts are good again: digest %s, as before", prompts.digest)
            self.last_error = self.last_places = None
            self._metrics.prompts_served(prompts.digest)
        except Exception as error:
            self._refuse(error)
        self._load_s = time.monotonic() - start

    def _load(self) -> PromptSet:
        if not self._folder.is_dir():
            raise PromptSetError([PromptError("there is no such prompt folder", path=self._folder, hint="put it back")])
        return load_served_set(self._folder, self._runner.tasks, self._runner.prompts)

    def _take_over(self, prompts: PromptSet) -> None:
        before = self._runner.prompts
        self._metrics.prompts_reloaded(refused=False)
        self._runner.serve(prompts)
        self.loaded_at = _now_ms()
        found = list(_differences(before, prompts))
        named = ", ".join([*found[:_MOST_CHANGES], *_and_more(found, _MOST_CHANGES)])
        _log.info("prompts reloaded: digest %s (%s)", prompts.digest, named)

    def _refuse(self, error: Exception) -> None:
        told = _told(error, self._folder)
        if told == self.last_error:
            return
        self._metrics.prompts_reloaded(refused=True)
        self.last_error, self.last_places = told, _places(error, self._folder)
        foreseen = isinstance(error, PromptSetError)
        kept = self._runner.prompts.digest
        _log.error("prompts refused, still serving digest %s: %s", kept, error, exc_info=None if foreseen else error)


async def _set_within(event: asyncio.Event, seconds: float | None) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


def _told(error: Exception, folder: Path) -> str:
    """The first problems. Whoever may read prompts needn't know where the folder is, so its name stands for it."""
    if isinstance(error, PromptSetError):
        problems = list(map(str, error.errors))
        text = "\n".join([*problems[:_MOST_NAMED], *_and_more(problems, _MOST_NAMED)])
    else:
        text = f"{type(error).__name__}: {error}"
    shown = folder.name if folder.is_absolute() else str(folder)
    text = text.replace(str(folder.resolve()), shown).replace(str(folder), shown)
    return text if len(text) <= _LONGEST_ERROR else f"{text[:_LONGEST_ERROR]} ... (the log has the rest)"


def _places(error: Exception, folder: Path) -> str:
    """Where the first problems are, for whoever may not read prompts: `summarize/1.0.0.j2:8:4: [undefined]`."""
    if not isinstance(error, PromptSetError):
        return f"{type(error).__name__} (the log says more)"
    places = [f"{_place(problem, folder)}: [{problem.rule}]" for problem in error.errors]
    return "\n".join([*places[:_MOST_NAMED], *_and_more(places, _MOST_NAMED)])


def _place(problem: PromptError, folder: Path) -> str:
    path = problem.path
    if path is None or path == folder:
        return "the prompt folder"
    bases = [base for base in (folder, folder.resolve()) if path.is_relative_to(base)]
    name = path.relative_to(bases[0]).as_posix() if bases else path.name
    return ":".join(str(part) for part in (name, problem.line, problem.column) if part is not None)


def _and_more(found: list[str], shown: int) -> list[str]:
    return [f"and {len(found) - shown} more"] if len(found) > shown else []


def _differences(before: PromptSet, after: PromptSet) -> Iterator[str]:
    """What another set serves, as `summarize@1.1.0 production`, and which versions it has."""
    for name in sorted(before.labels.keys() | after.labels.keys()):
        old, new = before.labels.get(name, {}), after.labels.get(name, {})
        yield from (_served(name, label, new[label]) for label in new if new[label] != old.get(label))
        yield from (f"{name} has no {label}" for label in old if label not in new)
    versions = {str(prompt): prompt for prompt in before}
    for prompt in after:
        known = versions.pop(str(prompt), None)
        if known is None:
            yield f"{prompt} new"
        elif known.digest != prompt.digest:
            yield f"{prompt} edited"
        if after.is_released(prompt) and (known is None or not before.is_released(known)):
            yield f"{prompt} released"
    yield from (f"{key} gone" for key in versions)


def _served(name: str, label: str, target: Target) -> str:
    share = "" if target.percent is None else f" {target.percent:g} %"
    return f"{name}@{target.version} {label}{share}"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
