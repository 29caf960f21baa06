"""Which files shape a version, and which versions a file shapes."""

from dataclasses import dataclass
from pathlib import Path

from chains.prompts.registry import PromptSet
from chains.prompts.version import PromptVersion

__all__ = ["Dependent", "dependents", "shaping_files"]


@dataclass(frozen=True, slots=True)
class Dependent:
    """A version that a file shapes: itself, or `through` the helper prompts that it uses."""

    prompt: PromptVersion
    through: tuple[PromptVersion, ...] = ()


def shaping_files(folder: Path, prompt: PromptVersion) -> tuple[str, ...]:
    """All files that shape a version, by their paths below the prompt folder: its template, what it includes and
    attaches, and all that shapes the helper prompts that it uses."""
    files = [*_own_files(folder, prompt)]
    for helper in prompt.uses.values():
        files += shaping_files(folder, helper)
    return tuple(dict.fromkeys(files))


def dependents(prompts: PromptSet, file: str) -> list[Dependent]:
    """The versions that a file shapes, given by its path below the prompt folder; by name, the newest first."""
    found = []
    for prompt in (prompt for name in prompts.names for prompt in reversed(prompts.versions(name))):
        if file in _own_files(prompts.folder, prompt):
            found.append(Dependent(prompt))
            continue
        through = [helper for helper in prompt.uses.values() if file in shaping_files(prompts.folder, helper)]
        if through:
            found.append(Dependent(prompt, tuple(through)))
    return found


def _own_files(folder: Path, prompt: PromptVersion) -> tuple[str, ...]:
    template = prompt.ingredients.source.path.relative_to(folder).as_posix()
    return template, *prompt.ingredients.files
