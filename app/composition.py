"""From settings to a runner: what the service, `copydesk run` and evaluations have in common."""

from collections.abc import Sequence
from pathlib import Path

import chains
from app.settings import PromptSettings, Settings
from chains.errors import ConfigurationError
from chains.prompts import PromptSet, load_served_set
from chains.prompts.watch import read_settled
from chains.runner import DEFAULT_ROUTE, Runner
from chains.tasks import load_tasks

__all__ = ["build_runner", "build_trial_runner", "prompt_folder"]


def build_runner(settings: Settings) -> Runner:
    """Load the tasks and prompts and create the backends' chat models. Starts nothing, calls nothing.

    Raises ConfigurationError, PromptSetError or PromptError, with everything that is wrong.
    """
    tasks = load_tasks()
    folder = prompt_folder(settings.prompts)
    return Runner(
        tasks=tasks,
        prompts=read_settled(folder, lambda: load_served_set(folder, tasks)),
        backends={name: backend.create(name) for name, backend in settings.backends.items()},
        routes=settings.route(),
        allow_drafts=settings.prompts.allow_drafts,
    )


def build_trial_runner(settings: Settings, prompts: PromptSet, route: Sequence[str]) -> Runner:
    """A runner for trying single versions: of any set that can be loaded, drafts included, each named by its version;
    labels count for nothing. Every task goes to the backends of `route`; only these are created."""
    versions = {name: prompts.versions(name) for name in prompts.names}
    return Runner(
        tasks=load_tasks(),
        prompts=PromptSet(prompts.folder, versions, prompts.lock),
        backends={name: settings.backends[name].create(name) for name in route},
        routes={DEFAULT_ROUTE: route},
        allow_drafts=True,
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
