"""What a request came to, told to whoever keeps the books: once for each request, however it ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from chains.result import CacheState, PromptIdentity, Timing, Usage

__all__ = ["NO_BOOKS", "Account", "Books", "together"]


@dataclass(frozen=True, slots=True)
class Account:
    """One request that was served, or was not.

    caller      the id of the caller's key
    request_id  as in its log line and its response
    task        the task's name
    prompt      the version that answered, or was to
    code        `ok`, the code of the error that it ended with, `cancelled` where its caller left, or `internal`
    shares      the usage by pairs of a backend and the model's name there; empty where no model was asked, and where
                another request paid for the answer. Tokens of calls that failed, and of those that were cancelled, are
                in it: what the server reported, else the tokens that came
    timing      milliseconds in the queue, with the models, and in all
    cache       whence the answer came
    background  whether it belongs to a job
    backend     the backend that answered last, or whose answer was kept or shared, else the last that failed; empty
                where none was asked
    model       what the model of the one that answered calls itself
    """

    caller: str
    request_id: str
    task: str
    prompt: PromptIdentity
    code: str
    shares: Mapping[tuple[str, str], Usage]
    timing: Timing
    cache: CacheState
    background: bool = False
    backend: str = ""
    model: str = ""

    @property
    def usage(self) -> Usage:
        return sum(self.shares.values(), Usage())


class Books(Protocol):
    """Called in the event loop at the end of each request: it must be quick."""

    def settled(self, account: Account) -> None: ...


class _NoBooks:
    def settled(self, account: Account) -> None:
        pass


NO_BOOKS: Books = _NoBooks()
"""Keeps nothing."""


class _Together:
    def __init__(self, books: tuple[Books, ...]) -> None:
        self._books = books

    def settled(self, account: Account) -> None:
        for books in self._books:
            books.settled(account)


def together(*books: Books) -> Books:
    """Books that tell each account to all of these, in this order."""
    return _Together(books)
