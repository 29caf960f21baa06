"""All prompts of a folder, as one immutable set."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter, ValidationError
from semver import Version

from chains.errors import PromptError, PromptSetError, UnknownPrompt
from chains.prompts.error_list import ErrorList
from chains.prompts.labels import Labels, read_labels
from chains.prompts.loader import Loader
from chains.prompts.lock import Lock, read_lock
from chains.prompts.parameters import Case
from chains.prompts.source import read_yaml
from chains.prompts.version import PromptVersion

__all__ = ["PromptSet", "load_prompt_set"]

_SHARED = frozenset({"partials", "schemas", "evidence"})
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class PromptSet:
    """Every version of every prompt, with what was released and what the labels serve.

    `digest` changes with any of them. `folder` is where it was loaded from.
    """

    def __init__(
        self,
        folder: Path,
        versions: Mapping[str, Sequence[PromptVersion]],
        lock: Lock = Lock(),  # noqa: B008 - immutable
        labels: Labels = MappingProxyType({}),
    ) -> None:
        self.folder = folder
        self.lock = lock
        self.labels = labels
        self._versions = MappingProxyType({name: tuple(found) for name, found in versions.items()})
        parts = [f"{prompt} {prompt.digest}" for found in versions.values() for prompt in found]
        parts += [f"{name}@{version} is released" for name, version in (key.split("@") for key in lock.versions)]
        parts += [f"{name} {label} {target}" for name, targets in labels.items() for label, target in targets.items()]
        self.digest = "sha256:" + hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()

    def __iter__(self) -> Iterator[PromptVersion]:
        """Every version, by name and then by version."""
        return (prompt for found in self._versions.values() for prompt in found)

    def is_released(self, prompt: PromptVersion) -> bool:
        """Whether the version is in the lock. What isn't is a draft."""
        return str(prompt) in self.lock.versions

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._versions)

    def versions(self, name: str) -> tuple[PromptVersion, ...]:
        """All versions of a prompt, the lowest first. Raises UnknownPrompt."""
        if name not in self._versions:
            raise UnknownPrompt(f"There is no prompt {name!r}. The prompts are: {', '.join(self.names)}.")
        return self._versions[name]

    def get(self, name: str, version: str | None = None) -> PromptVersion:
        """One version; the highest released one where none is named: no `-rc.1`. Raises UnknownPrompt."""
        found = self.versions(name)
        known = ", ".join(prompt.version for prompt in found)
        for prompt in reversed(found):
            if prompt.version == version or (version is None and not Version.parse(prompt.version).prerelease):
                return prompt
        if version is None:
            raise UnknownPrompt(f"The prompt {name!r} has no released version. Its versions are: {known}.")
        raise UnknownPrompt(f"The prompt {name!r} has no version {version!r}. Its versions are: {known}.")

    def cases(self, name: str) -> dict[str, dict[str, Any]]:
        """The golden inputs of a prompt by name, from its cases.yaml. Raises UnknownPrompt, PromptError."""
        self.versions(name)
        path = self.folder / name / "cases.yaml"
        if not path.is_file():
            return {}
        try:
            cases = TypeAdapter(list[Case]).validate_python(read_yaml(path))
        except ValidationError as error:
            place = ".".join(map(str, error.errors()[0]["loc"]))
            message = f"{place}: not a list of {{name, inputs}}".lstrip(": ")
            raise PromptError(message, path=path, rule="cases") from error
        inputs = {case.name: case.inputs for case in cases}
        if len(inputs) < len(cases):
            raise PromptError("two cases have the same name", path=path, rule="cases")
        return inputs


def load_prompt_set(folder: Path) -> PromptSet:
    """Load a prompt folder. Raises PromptSetError, which lists everything that is wrong in it."""
    if not folder.is_dir():
        hint = "set prompts.dir, or start in a folder that has prompts/"
        raise PromptSetError([PromptError("there is no such prompt folder", path=folder, hint=hint)])
    files, misnamed = _template_files(folder)
    loader = Loader(folder)
    errors = ErrorList([*misnamed, *loader.load_partials()])
    loaded: dict[str, PromptVersion] = {}
    for key in files:
        errors.catch(_load, key, files, loader, loaded, ())
    if not files and not errors:
        errors.append(PromptError("holds no prompt", path=folder, hint="a prompt is a file NAME/1.0.0.j2"))
    lock = errors.catch(read_lock, folder)
    labels = errors.catch(read_labels, folder)
    if lock is None or labels is None or errors:
        raise PromptSetError(list({str(error): error for error in errors}.values()))
    versions: dict[str, list[PromptVersion]] = {}
    for key in files:
        versions.setdefault(key.split("@")[0], []).append(loaded[key])
    return PromptSet(folder, versions, lock, labels)


def _template_files(folder: Path) -> tuple[dict[str, Path], list[PromptError]]:
    """`name@version` -> file, by name and then by version; and files whose name is no version."""
    files, errors = {}, []
    for directory in sorted(path for path in folder.iterdir() if path.is_dir() and path.name not in _SHARED):
        found = []
        for path in sorted(directory.glob("*.j2")):
            if not _NAME.fullmatch(directory.name):
                hint = "letters, digits, dash and underscore"
                errors.append(PromptError("its folder is not a possible name of a prompt", path=path, hint=hint))
            elif Version.is_valid(path.stem):
                found.append((Version.parse(path.stem), path))
            else:
                errors.append(
                    PromptError("its name is not a version", path=path, hint="MAJOR.MINOR.PATCH.j2: 1.0.0.j2")
                )
        files.update({f"{directory.name}@{version}": path for version, path in sorted(found)})
    return files, errors


def _load(
    key: str, files: Mapping[str, Path], loader: Loader, loaded: dict[str, PromptVersion], within: tuple[str, ...]
) -> PromptVersion:
    """Load a version after the helper prompts that it pins."""
    if key in loaded:
        return loaded[key]
    path = files[key]
    if key in within:
        raise PromptError(f"uses is circular: {' -> '.join([*within, key])}", path=path, rule="uses")
    for target in loader.uses(path, files):
        _load(target, files, loader, loaded, (*within, key))
    name, _, version = key.partition("@")
    loaded[key] = loader.load(path, name, version, loaded)
    return loaded[key]
