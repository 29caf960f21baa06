"""Which prompt versions metrics tell apart."""

from app.telemetry.request_record import OTHER
from chains.result import PromptIdentity

__all__ = ["MOST_VERSIONS", "VersionLabels"]

MOST_VERSIONS = 32
"""For each prompt, over the life of a process; later ones count as `other`."""


class VersionLabels:
    """Versions that a label serves have a value of their own: these are the operator's choice. A caller may be allowed
    to name any version, drafts too: one that no label has served yet counts as `other`."""

    def __init__(self) -> None:
        self._known: dict[str, set[str]] = {}

    def label(self, prompt: PromptIdentity) -> str:
        known = self._known.setdefault(prompt.name, set())
        if prompt.version in known:
            return prompt.version
        if prompt.label is None or len(known) >= MOST_VERSIONS:
            return OTHER
        known.add(prompt.version)
        return prompt.version
