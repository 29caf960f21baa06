"""The compose files as values."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import ROOT

__all__ = ["GPU", "INCLUDED", "Composition", "composition"]

GPU, INCLUDED = "docker-compose.yml", "docker-compose.embedded.yml"


@dataclass(frozen=True)
class Composition:
    """One compose file; `services` by name, anchors and merges resolved."""

    name: str
    whole: dict[str, Any]

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.whole["services"]
        return found

    def top(self, section: str) -> dict[str, Any]:
        """A section at the top; empty where the file has none."""
        return self.whole.get(section) or {}

    def names(self, service: str, section: str) -> set[str]:
        """What a service takes of configs, secrets, networks or named volumes."""
        named = set()
        for entry in self.services[service].get(section, ()):
            name = entry["source"] if isinstance(entry, dict) else str(entry)
            name, _, _ = name.partition(":")
            if not name.startswith("."):
                named.add(name)
        return named


@cache
def composition(name: str) -> Composition:
    return Composition(name, yaml.safe_load((Path(ROOT) / name).read_text(encoding="utf-8")))
