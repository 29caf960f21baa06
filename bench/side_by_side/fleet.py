"""All subjects of a run, started once on one canned backend, for the sections that load them in turns."""

import http.client
from contextlib import ExitStack

from bench.side_by_side.bench import Bench
from bench.side_by_side.canned import FIRST_TOKEN, Canned, canned
from bench.side_by_side.load import load_program, loaded
from bench.side_by_side.subjects.started import answer
from bench.side_by_side.subjects.subject import MissingSubject, Running

__all__ = ["Fleet", "wrong_with"]

_TRIES = 20
_WARM_CONNECTIONS, _WARM_S = 16, 1
"""Before anything is measured: a program's first requests are slower, and are not what it costs to run."""


class Fleet:
    """They start when they are first asked for, and run until `stop`; one that fails on the way is there no more."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._stack = ExitStack()
        self._running: dict[str, Running] = {}
        self._backend: Canned | None = None

    def on(self, case: str) -> dict[str, Running]:
        """By name, warm, while the backend answers as in that case.

        Raises MissingSubject where the backend or the load isn't installed.
        """
        if self._backend is None:
            load_program()
            self._backend = self._stack.enter_context(canned(self._bench.new_folder("canned")))
            self._start(self._backend)
        self._backend.answer_as(case)
        for name, subject in list(self._running.items()):
            wrong = wrong_with(subject)  # which also connects it anew
            if wrong is not None:
                self.lost(name, f"it doesn't hand on the backend's answer: {wrong}")
        return dict(self._running)

    def backend(self) -> Canned:
        """Raises MissingSubject where it was never started."""
        if self._backend is None:
            raise MissingSubject("no canned backend runs")
        return self._backend

    def lost(self, name: str, reason: str) -> None:
        """It is measured no more."""
        self._running.pop(name, None)
        self._bench.lacks(name, reason)

    def stop(self) -> None:
        self._stack.close()
        self._running, self._backend = {}, None

    def _start(self, backend: Canned) -> None:
        for name, subject in self._bench.subjects.items():
            self._bench.tell(f"starting {name}")
            folder = self._bench.new_folder(name)
            try:
                running = self._stack.enter_context(subject.running(backend.backend(), folder))
                loaded(running, _WARM_CONNECTIONS, _WARM_S, folder)
            except MissingSubject as error:
                self._bench.lacks(name, str(error))
            else:
                self._running[name] = running


def wrong_with(subject: Running) -> str | None:
    """None where it hands on what the backend says; not at the first try, where its connections have been closed."""
    said = ""
    for number in range(_TRIES):
        try:
            status, text = answer(subject.host, subject.port, subject.ask, f"Question {number}.")
        except (OSError, http.client.HTTPException) as error:
            said = type(error).__name__
        else:
            if status == 200 and FIRST_TOKEN in text:
                return None
            said = f"{status} {text[:200]}"
    return said
