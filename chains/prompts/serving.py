"""Whether a prompt set may serve: nothing released was changed, every label leads to a released version that fits its
task, every golden case renders, and lint finds no error."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from semver import Version

from chains.errors import PromptError, PromptSetError, UnknownPrompt
from chains.prompts.contract import contract_problems
from chains.prompts.labels import CANARY, LABELS, PRODUCTION, Target, label_line
from chains.prompts.lifecycle.evidence import has_served, read_evidence
from chains.prompts.linting.lint import lint_errors
from chains.prompts.lock import LOCK
from chains.prompts.registry import PromptSet, load_prompt_set
from chains.prompts.version import PromptVersion
from chains.task import Task

__all__ = ["label_problems", "load_served_set", "lock_problems", "lost_lock_line", "serving_problems"]


def load_served_set(folder: Path, tasks: Mapping[str, Task[Any, Any]], previous: PromptSet | None = None) -> PromptSet:
    """Load a prompt folder that is to serve these tasks. Versions of the `previous` set whose files are the same are
    taken over as they are. Raises PromptSetError, which lists all that forbids it."""
    prompts = load_prompt_set(folder, previous)
    problems = serving_problems(prompts, tasks)
    if problems:
        raise PromptSetError(problems)
    return prompts


def serving_problems(prompts: PromptSet, tasks: Mapping[str, Task[Any, Any]]) -> list[PromptError]:
    """All that keeps the set from serving these tasks."""
    return [*lock_problems(prompts), *label_problems(prompts, tasks), *lint_errors(prompts, tasks)]


def lock_problems(prompts: PromptSet, missing: Collection[str] = ()) -> list[PromptError]:
    """What was released and isn't any more what it was; an edited file is named with every version it would change.

    `missing` are versions (`name@version`) that couldn't be loaded, which isn't told here.
    """
    changed = [p for p in prompts if prompts.lock.versions.get(str(p), p.digest) != p.digest]
    causes: dict[str, list[PromptVersion]] = {}
    for prompt in changed:
        for edited in dict.fromkeys(_edited_files(prompts, prompt)):  # also by several of its helpers
            causes.setdefault(edited, []).append(prompt)
    problems = [_edited(prompts, edited, concerned) for edited, concerned in sorted(causes.items())]
    known = {*missing, *map(str, prompts)}
    for key in prompts.lock.versions:
        if key not in known:
            file = prompts.folder / f"{key.replace('@', '/')}.j2"
            hint = f"git checkout -- {file}; to retire a version, delete its line too, once no label or prompt names it"
            message = f"{key} was released, but its file is gone"
            problems.append(PromptError(message, path=prompts.folder / LOCK, hint=hint, rule="edited-release"))
    return [*problems, *_lost_lines(prompts)]


def lost_lock_line(prompts: PromptSet, prompt: PromptVersion) -> PromptError | None:
    """That a version isn't in the lock though it was released, as its promotions tell; None where it is, or is a
    draft."""
    if prompts.is_released(prompt):
        return None
    try:
        record = read_evidence(prompts.folder, prompt.name, prompt.version)
    except PromptError:  # it proves nothing; promotion refuses it
        return None
    if record is None or not record.promotions:
        return None
    hint = f"git checkout -- {prompts.folder / LOCK}"
    return PromptError(
        f"{prompt} was released, but its line is gone", path=prompts.folder / LOCK, hint=hint, rule="lock"
    )


def _lost_lines(prompts: PromptSet) -> list[PromptError]:
    """Released versions, and files of released versions, that the lock doesn't have any more."""
    path = prompts.folder / LOCK
    problems = [error for prompt in prompts if (error := lost_lock_line(prompts, prompt)) is not None]
    shared: dict[str, PromptVersion] = {}
    for prompt in prompts:
        if prompts.is_released(prompt):
            shared |= {name: prompt for name in prompt.ingredients.files if name not in prompts.lock.files}
    return problems + [
        PromptError(
            f"{prompt} was released with {name}, but the line of that file is gone",
            path=path,
            hint=f"git checkout -- {path}",
            rule="lock",
        )
        for name, prompt in sorted(shared.items())
    ]


def _edited_files(prompts: PromptSet, prompt: PromptVersion) -> list[str]:
    """The files whose edit changed a released version; its own file where no other is known to have changed."""
    own = prompt.ingredients.source.path.relative_to(prompts.folder).as_posix()
    locked = prompts.lock.files
    edited = [name for name, digest in prompt.ingredients.files.items() if locked.get(name, digest) != digest]
    for helper in prompt.uses.values():
        if prompts.lock.versions.get(str(helper), helper.digest) != helper.digest:
            edited += _edited_files(prompts, helper)
    return edited or [own]


def _edited(prompts: PromptSet, file: str, concerned: list[PromptVersion]) -> PromptError:
    path = prompts.folder / file
    names = ", ".join(map(str, concerned))
    if file.endswith(".j2") and not file.startswith("partials/"):
        latest = Version.parse(prompts.versions(concerned[0].name)[-1].version)
        following = f"{latest.finalize_version().bump_minor()}.j2"
        instead = f"cp {path} {path.with_name(following)}"
    else:
        instead = f"cp {path} {path.with_name(_next_name(path))}, for a new version to use"
    message = f"was edited after its release, which would change {names}"
    hint = f"put the edit into a new file ({instead}), then take the edit back here: git checkout -- {path} (by hand "
    hint += "where it isn't committed yet)"
    return PromptError(message, path=path, hint=hint, rule="edited-release")


def _next_name(path: Path) -> str:
    """`grounding-2.j2` after `grounding-1.j2`."""
    stem, dash, number = path.stem.rpartition("-")
    if dash and number.isdecimal():
        return f"{stem}-{int(number) + 1}{path.suffix}"
    return f"{path.stem}-2{path.suffix}"


def label_problems(prompts: PromptSet, tasks: Mapping[str, Task[Any, Any]]) -> list[PromptError]:
    """Labels that lead nowhere or to a draft, labelled versions that don't fit their task, tasks without one."""
    problems: list[PromptError] = []
    for name, targets in prompts.labels.items():
        for label, target in targets.items():
            try:
                prompt = prompts.get(name, target.version)
            except UnknownPrompt as error:
                problems.append(_label_problem(prompts, name, label, str(error), _way_back(prompts, name, target)))
                continue
            if lost_lock_line(prompts, prompt) is not None:  # which lock_problems tells
                continue
            if not prompts.is_released(prompt):
                hint = f"release it first: copydesk prompts release {name} {prompt.version}; if it was released: "
                hint += f"git checkout -- {prompts.folder / LOCK}"
                problems.append(_label_problem(prompts, name, label, f"{prompt} is a draft", hint))
            elif name in tasks:
                problems += contract_problems(tasks[name], prompt)
        if CANARY in targets and PRODUCTION not in targets:
            message = "there is no production whose requests the canary could share"
            problems.append(_label_problem(prompts, name, CANARY, message, _first_promotion(prompts, name)))
    return problems + [
        PromptError(
            f"no version serves the task {name}: there is no label {name}.{PRODUCTION}",
            path=prompts.folder / LABELS,
            hint=_first_promotion(prompts, name),
            rule="labels",
        )
        for name in tasks
        if PRODUCTION not in prompts.labels.get(name, {})
    ]


def _way_back(prompts: PromptSet, name: str, target: Target) -> str:
    file = prompts.folder / name / f"{target.version}.j2"
    if name not in prompts.names:
        return f"bring its file back: git checkout -- {file}; or delete {name} from {prompts.folder / LABELS}"
    return f"bring its file back: git checkout -- {file}; or name a version that exists"


def _first_promotion(prompts: PromptSet, name: str) -> str:
    """How production comes to serve a version where it serves none."""
    try:
        served = has_served(prompts.folder, name, PRODUCTION)
    except PromptError:  # promotion tells what is wrong with the record
        served = False
    if served:
        return f"git checkout -- {prompts.folder / LABELS}"
    return f"copydesk prompts promote {name} VERSION --initial"


def _label_problem(prompts: PromptSet, name: str, label: str, message: str, hint: str) -> PromptError:
    path = prompts.folder / LABELS
    line = label_line(path, name, label)
    return PromptError(f"{name}.{label}: {message}", path=path, line=line, hint=hint, rule="labels")
