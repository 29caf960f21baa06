"""From settings to a runner: what the service, `copydesk run` and evaluations have in common."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import chains
from app.settings import PromptSettings, Settings
from chains.account import NO_BOOKS, Bills
from chains.documents import DocumentLimits, DocumentReader
from chains.errors import ConfigurationError
from chains.prompts import PromptSet, load_served_set
from chains.prompts.watch import read_settled
from chains.runner import DEFAULT_ROUTE, Runner
from chains.tasks import load_tasks
from chains.traffic.admission import Admission
from chains.traffic.breaker import Breaker
from chains.traffic.cache import AnswerCache
from chains.traffic.lane import Lane
from chains.traffic.meter import SILENT, Meter

__all__ = ["build_lanes", "build_runner", "build_trial_runner", "prompt_folder"]


def build_lanes(settings: Settings, names: Collection[str], meter: Meter = SILENT) -> dict[str, Lane]:
    """The backends' chat models, each with this worker's share of its slots and its queue."""
    workers = settings.server.workers
    lanes = {}
    for name in names:
        backend = settings.backends[name]
        lanes[name] = Lane(
            name,
            backend.create(name),
            Admission(
                name,
                slots=max(1, backend.concurrency // workers),
                max_queue=max(backend.max_queue // workers, min(backend.max_queue, 1)),
                queue_timeout_s=backend.queue_timeout_s,
                meter=meter,
            ),
            Breaker(name, meter=meter),
            retries=backend.retries,
            cache=AnswerCache(settings.cache.max_bytes, settings.cache.ttl_s),
            meter=meter,
        )
    return lanes


def build_runner(
    settings: Settings,
    meter: Meter = SILENT,
    books: Bills = NO_BOOKS,
    may_draft: Callable[[str], bool] = lambda caller: True,
) -> Runner:
    """Load the tasks and prompts and create the backends' chat models. Starts nothing, calls nothing.

    Raises ConfigurationError, PromptSetError or PromptError, with everything that is wrong.
    """
    tasks = load_tasks()
    folder = prompt_folder(settings.prompts)
    return Runner(
        tasks=tasks,
        prompts=read_settled(folder, lambda: load_served_set(folder, tasks)),
        backends=build_lanes(settings, settings.backends, meter),
        routes=settings.route(),
        cached=settings.cache.tasks,
        allow_drafts=settings.prompts.allow_drafts,
        documents=DocumentReader(DocumentLimits(**settings.documents.model_dump())),
        books=books,
        may_draft=may_draft,
    )


def build_trial_runner(settings: Settings, prompts: PromptSet, route: Sequence[str], books: Bills = NO_BOOKS) -> Runner:
    """A runner for trying single versions: of any set that can be loaded, drafts included, each named by its version;
    labels count for nothing. Every task goes to the backends of `route`; only these are created. `books` hear what
    each request came to."""
    versions = {name: prompts.versions(name) for name in prompts.names}
    return Runner(
        tasks=load_tasks(),
        prompts=PromptSet(prompts.folder, versions, prompts.lock),
        backends=build_lanes(settings, route),
        routes={DEFAULT_ROUTE: route},
        allow_drafts=True,
        books=books,
    )


def prompt_folder(prompts: PromptSettings) -> Path:
    """`prompts.dir`, else `./prompts`, else the copy that was installed with the package.

    Raises ConfigurationError where the configured folder doesn't exist.
    """
    if prompts.dir is not None:
        if not prompts.dir.is_dir():
            raise ConfigurationError(f"prompts.dir: {prompts.dir} is not a folder")
        return prompts.dir
    package = Path(chains.__file__).parent
    candidates = (Path("prompts"), package / "prompts" / "bundled", package.parent / "prompts")
    return next((folder for folder in candidates if folder.is_dir()), candidates[0])
