"""What a run needs to know of anything that it measures."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

__all__ = ["TEXT", "MissingSubject", "Request", "Running", "Subject"]

TEXT = "@@TEXT@@"
"""Where a request's body has its text, inside of a JSON string. What is put there needs no escape."""


class MissingSubject(Exception):
    """A subject can't be installed or started. Its message is the reason that the report tells."""


@dataclass(frozen=True)
class Request:
    """A POST. `body` is JSON with TEXT in it. In a streamed answer, `mark` is in the first line that has text."""

    path: str
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)
    mark: str = ""


@dataclass(frozen=True)
class Running:
    """A subject that answers. `session` is the id of the process that was started and of its whole session; 0 for none.

    `ready_s` is the time from the start of the process to its first good answer. `stream` is None where the subject
    can't stream.
    """

    host: str
    port: int
    session: int
    ready_s: float
    ask: Request
    stream: Request | None = None


class Subject(Protocol):
    """`kind` says in a word what it is: `direct`, `python`, `node` or `rust`."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    def installed(self) -> str | None:
        """Its version, None where it isn't installed. Starts nothing and downloads nothing."""

    def install(self) -> None:
        """Into `.bench/NAME`. Raises MissingSubject."""

    def running(self, backend: str, folder: Path) -> AbstractContextManager[Running]:
        """Started on the canned backend's case of that name (canned.py), with its files in the folder.

        Raises MissingSubject.
        """
