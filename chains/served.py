"""A request while it is served: on which terms, at what cost, and who is told of that."""

import logging
import time

from chains.account import Account, Bills, settle
from chains.documents import ReadRequest
from chains.errors import BackendError
from chains.ledger import open_ledger
from chains.result import Out, PromptIdentity, TaskResult, Timing
from chains.task import TaskInput
from chains.terms import Terms, on_terms
from chains.traffic.meter import code_of

__all__ = ["Served"]

_log = logging.getLogger("copydesk.runner")


class Served:
    """What is called inside is called on the request's terms, and entered in its ledger. At its end, however it comes,
    the books are told, and failed attempts are logged."""

    def __init__(self, terms: Terms, prompt: PromptIdentity, request_id: str, books: Bills) -> None:
        self._start = time.perf_counter()
        self._terms = terms
        self._prompt = prompt
        self._request_id = request_id
        self._books = books
        self._within = on_terms(terms), open_ledger()

    def __enter__(self) -> "Served":
        on_its_terms, its_ledger = self._within
        on_its_terms.__enter__()
        self._ledger = its_ledger.__enter__()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self._settle("ok" if error is None else code_of(error))
            # The last attempt of a request that failed is its own error, and logged as such.
            attempts = self._ledger.attempts[:-1] if isinstance(error, BackendError) else self._ledger.attempts
            for attempt in attempts:
                words = self._terms.task, attempt.backend, attempt.code, attempt.ms
                _log.warning("id=%s: %s: backend %r failed: %s after %d ms", self._request_id, *words)
        finally:
            for context in reversed(self._within):
                context.__exit__()

    def result(self, output: Out, backend: str, read: ReadRequest[TaskInput]) -> TaskResult[Out]:
        """The answer, which is good."""
        ledger = self._ledger
        ledger.accept()
        return TaskResult(
            output=output,
            prompt=self._prompt,
            backend=backend,
            model=ledger.model,
            usage=ledger.usage,
            timing=self._timing(),
            cache=ledger.cache,
            attempts=tuple(ledger.attempts),
            document_text=read.document_text,
            document_pages_without_text=read.pages_without_text,
            bill=self._books.bill(ledger, backend),
        )

    def _settle(self, code: str) -> None:
        terms, ledger = self._terms, self._ledger
        account = Account(
            caller=terms.caller,
            request_id=self._request_id,
            task=terms.task,
            prompt=self._prompt,
            code=code,
            shares=ledger.shares,
            seconds=ledger.seconds,
            last=ledger.asked,
            timing=self._timing(),
            cache=ledger.cache,
            background=terms.background,
        )
        settle(account, ledger, self._books)

    def _timing(self) -> Timing:
        return Timing(
            queue_ms=round(self._ledger.queue_seconds * 1000),
            model_ms=round(self._ledger.model_seconds * 1000),
            total_ms=round((time.perf_counter() - self._start) * 1000),
        )
