"""All prompts of a folder, as one immutable set."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from chains.prompts.source import check_within, exists, listed, read_text, read_yaml
from chains.prompts.version import PromptVersion
from chains.prompts.yaml_places import place_in_yaml

__all__ = ["PromptSet", "Reading", "load_prompt_set", "read_prompt_set"]

_NO_PROMPTS = frozenset({"partials", "schemas", "evidence"})
_CASES = TypeAdapter(list[Case])
_DEEPEST_USE = 20
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
        for prompt in reversed(found):
            if prompt.version == version or (version is None and not Version.parse(prompt.version).prerelease):
                return prompt
        known = ", ".join(prompt.version for prompt in found)
        if version is None:
            raise UnknownPrompt(f"The prompt {name!r} has no released version. Its versions are: {known}.")
        raise UnknownPrompt(f"The prompt {name!r} has no version {version!r}. Its versions are: {known}.")

    def cases(self, name: str) -> dict[str, dict[str, Any]]:
        """The golden inputs of a prompt by name, from its cases.yaml. Raises UnknownPrompt, PromptError."""
        self.versions(name)
        path = self.folder / name / "cases.yaml"
        if not exists(path):
            return {}
        check_within(self.folder, path)
        try:
            cases = _CASES.validate_python(read_yaml(path))
        except ValidationError as error:
            place = error.errors()[0]["loc"]
            message = f"{'.'.join(map(str, place))}: not a list of {{name, inputs}}".lstrip(": ")
            line, column = place_in_yaml(read_text(path), *place[:1])
            raise PromptError(message, path=path, line=line, column=column, rule="cases") from error
        inputs = {case.name: case.inputs for case in cases}
        if len(inputs) < len(cases):
            names = [case.name for case in cases]
            second = next(number for number, name in enumerate(names) if name in names[:number])
            line, column = place_in_yaml(read_text(path), second)
            message = "two cases have the same name"
            raise PromptError(message, path=path, line=line, column=column, rule="cases")
        return inputs


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be loaded of a folder, all that is wrong with it, and the versions (`name@version`) that therefore
    are missing. Where the lock or the labels are among the errors, `prompts` has none."""

    prompts: PromptSet
    errors: tuple[PromptError, ...]
    missing: tuple[str, ...]


def load_prompt_set(folder: Path, previous: PromptSet | None = None) -> PromptSet:
    """Load a prompt folder. Versions of the `previous` set whose files are the same are taken over as they are.

    Raises PromptSetError, which lists everything that is wrong in the folder.
    """
    reading = read_prompt_set(folder, previous)
    if reading.errors:
        raise PromptSetError(reading.errors)
    return reading.prompts


def read_prompt_set(folder: Path, previous: PromptSet | None = None) -> Reading:
    """Load what can be loaded of a prompt folder, as `load_prompt_set` does. Raises PromptSetError where there is no
    such folder, or it can't be read."""
    files, unreadable, misnamed = _template_files(_prompt_folders(folder))
    loader = Loader(folder)
    errors = ErrorList([*unreadable.values(), *misnamed, *loader.load_partials()])
    found = _Versions(loader, files, unreadable, previous)
    for key in files:
        errors.catch(found.load, key)
    if not files and not errors:
        hint = "a prompt is a file NAME/1.0.0.j2"
        errors.append(PromptError("holds no prompt", path=folder, hint=hint, rule="file"))
    lock = errors.catch(read_lock, folder)
    labels = errors.catch(read_labels, folder)
    versions: dict[str, list[PromptVersion]] = {}
    for key in files:
        if key in found.loaded:
            versions.setdefault(key.split("@")[0], []).append(found.loaded[key])
    prompts = PromptSet(folder, versions, lock or Lock(), labels or MappingProxyType({}))
    told = {str(error): error for error in _told_of_deleted(folder, errors, prompts.lock)}
    missing = [key for key in files if key not in found.loaded]
    missing += [key for key in prompts.lock.versions if key.split("@")[0] in unreadable]
    return Reading(prompts, tuple(told.values()), tuple(missing))


def _told_of_deleted(folder: Path, errors: Sequence[PromptError], lock: Lock) -> Iterator[PromptError]:
    """The errors; those that miss a file that the lock knows say how to bring it back."""
    for error in errors:
        if error.rule in ("include-missing", "file-missing"):
            gone = next((name for name in lock.files if _is_missed(folder, name, error)), None)
            if gone is not None:
                hint = f"git checkout -- {folder / gone}"
                yield PromptError(
                    error.message, path=error.path, line=error.line, column=error.column, hint=hint, rule=error.rule
                )
                continue
        yield error


def _is_missed(folder: Path, name: str, error: PromptError) -> bool:
    named = (name, name.removeprefix("schemas/"))
    return any(repr(text) in error.message for text in named) and not exists(folder / name)


def _prompt_folders(folder: Path) -> list[Path]:
    """The folders of the prompts. Raises PromptSetError where there is no such prompt folder, or it can't be read."""
    try:
        if not exists(folder) or not folder.is_dir():
            hint = "set prompts.dir, or start in a folder that has prompts/"
            raise PromptError("there is no such prompt folder", path=folder, hint=hint, rule="file")
        return [path for path in listed(folder) if path.name not in _NO_PROMPTS and exists(path) and path.is_dir()]
    except PromptError as error:
        raise PromptSetError([error]) from error


def _template_files(
    directories: Sequence[Path],
) -> tuple[dict[str, Path], dict[str, PromptError], list[PromptError]]:
    """`name@version` -> file, by name and then by version; prompts whose folder can't be read; and files whose name is
    no version."""
    files: dict[str, Path] = {}
    unreadable, errors = dict[str, PromptError](), list[PromptError]()
    for directory in directories:
        try:
            templates = [path for path in listed(directory) if path.suffix == ".j2"]
        except PromptError as error:
            unreadable[directory.name] = error
            continue
        found = []
        for path in templates:
            if not _NAME.fullmatch(directory.name):
                hint = "letters, digits, dash and underscore"
                message = "its folder is not a possible name of a prompt"
                errors.append(PromptError(message, path=path, hint=hint, rule="file"))
            elif Version.is_valid(path.stem) and "+" not in path.stem:
                found.append((Version.parse(path.stem), path))
            else:
                hint = "MAJOR.MINOR.PATCH.j2, with -rc.1 at most: 1.0.0.j2"
                errors.append(PromptError("its name is not a version", path=path, hint=hint, rule="file"))
        files.update({f"{directory.name}@{version}": path for version, path in sorted(found)})
    return files, unreadable, errors


class _Versions:
    """Loads the versions of a folder, each after the helper prompts that it pins."""

    def __init__(
        self,
        loader: Loader,
        files: Mapping[str, Path],
        unreadable: Mapping[str, PromptError],
        previous: PromptSet | None,
    ) -> None:
        self.loaded: dict[str, PromptVersion] = {}
        self._loader = loader
        self._files = files
        self._unreadable = unreadable
        self._known = {str(prompt): prompt for prompt in previous or ()}

    def load(self, key: str, within: tuple[str, ...] = ()) -> PromptVersion:
        if key in self.loaded:
            return self.loaded[key]
        path = self._files[key]
        if key in within:
            raise PromptError(f"uses is circular: {' -> '.join([*within, key])}", path=path, rule="uses")
        if len(within) > _DEEPEST_USE:
            raise PromptError(f"is used more than {_DEEPEST_USE} prompts deep", path=path, rule="uses")
        known = self._known.get(key)
        if known is not None and self._loader.is_unchanged(known, path) and self._has_same_helpers(known, key, within):
            self.loaded[key] = known
            return known
        for target in self._loader.uses(path, self._files, self._unreadable):
            self.load(target, (*within, key))
        name, _, version = key.partition("@")
        self.loaded[key] = self._loader.load(path, name, version, self.loaded)
        return self.loaded[key]

    def _has_same_helpers(self, known: PromptVersion, key: str, within: tuple[str, ...]) -> bool:
        helpers = [(str(helper), helper) for helper in known.uses.values()]
        return all(name in self._files and self.load(name, (*within, key)) is helper for name, helper in helpers)
