"""A prompt folder that tests write and edit: every task has a prompt, so that a service can serve it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from chains.prompts import load_prompt_set
from chains.prompts.lock import Lock, read_lock

__all__ = ["FRONT", "PromptFolder"]

FRONT = """---
description: {description}
changelog: First
inputs:
  {input}: {{type: string}}
{keys}---
"""
_INPUTS = {"summarize": "text", "rewrite": "text", "extract": "text", "classify": "text", "generate": "instruction"}


@dataclass(frozen=True)
class PromptFolder:
    """The folder at `path`. Keys are `name@version`."""

    path: Path

    @classmethod
    def new(cls, path: Path) -> "PromptFolder":
        """All five tasks at 1.0.0, released and in production."""
        folder = cls(path)
        for name in _INPUTS:
            folder.write(f"{name}@1.0.0")
        folder.release(*(f"{name}@1.0.0" for name in _INPUTS))
        folder.label({name: {"production": "1.0.0"} for name in _INPUTS})
        return folder

    def file(self, key: str) -> Path:
        return self.path / f"{key.replace('@', '/')}.j2"

    def write(self, key: str, body: str | None = None, *, keys: str = "", description: str = "A test") -> None:
        """Write a version; its default body says which one it is and holds the only input."""
        name = _INPUTS.get(key.partition("@")[0], "text")
        front = FRONT.format(description=description, input=name, keys=keys)
        text = f"user:\n{key}: {{{{ {name} }}}}\n" if body is None else body
        self.file(key).parent.mkdir(parents=True, exist_ok=True)
        self.file(key).write_text(front + text)

    def release(self, *keys: str) -> None:
        """Add versions to the lock, in one step."""
        prompts = load_prompt_set(self.path)
        lock = prompts.lock
        for prompt in prompts:
            if str(prompt) in keys:
                lock = lock.with_version(str(prompt), prompt.digest, prompt.ingredients.files)
        self.lock(lock)

    def unrelease(self, *keys: str) -> None:
        lock = read_lock(self.path)
        self.lock(Lock({key: digest for key, digest in lock.versions.items() if key not in keys}, lock.files))

    def lock(self, lock: Lock) -> None:
        replace(self.path / "prompts.lock", lock.text())

    def label(self, labels: Mapping[str, Mapping[str, Any]]) -> None:
        """Set labels, those of other prompts left as they are, in one step."""
        path = self.path / "labels.yaml"
        known = yaml.safe_load(path.read_text()) if path.exists() else {}
        replace(path, yaml.safe_dump({**known, **labels}))


def replace(path: Path, text: str) -> None:
    """Write a file as a whole, as careful editors do."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text)
    temporary.replace(path)
