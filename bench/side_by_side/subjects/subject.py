"""What a run needs to know of anything that it measures."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

__all__ = ["TEXT", "Backend", "MissingSubject", "Request", "Running", "Subject"]

TEXT = "@@TEXT@@"
"""Where a request's body has its text, inside of a JSON string. What is put there needs no escape."""


class MissingSubject(Exception):
    """A subject can't be installed or started. Its message is the reason that the report tells."""


@dataclass(frozen=True)
class Backend:
    """A model behind OpenAI's protocol: base addresses, ending in /v1, that answer whole and that answer as a stream.

    A real server has one address for both.
    """

    whole: str
    streamed: str
    model: str


@dataclass(frozen=True)
class Request:
    """A POST. `body` is JSON with TEXT in it."""

    path: str
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Running:
    """A subject that answers. `session` is the id of the process that was started, and of the session of all of its
    processes (processes.py counts them); 0 where nothing was started.

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

    def running(self, backend: Backend, folder: Path) -> AbstractContextManager[Running]:
        """Started on that backend, with its files in the folder, which is its alone. Raises MissingSubject."""
