"""What a request came to, told to whoever keeps the books: once for each request, however it ended."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from chains.ledger import Ledger
from chains.result import Bill, CacheState, PromptIdentity, Timing, Usage, total

__all__ = ["NO_BOOKS", "Account", "Bills", "Books", "settle", "together"]


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
    seconds     how long the calls that the shares pay for held a slot, by the same pairs
    last        the pair that was asked last, also where nothing came of it; two empty texts where nobody was
    timing      milliseconds in the queue, with the models, and in all
    cache       whence the answer came
    background  whether it belongs to a job
    is_late     whether it only adds to the account of the same request that was told before: calls of it that took
                longer to end than the request itself. It is no further request
    """

    caller: str
    request_id: str
    task: str
    prompt: PromptIdentity
    code: str
    shares: Mapping[tuple[str, str], Usage]
    seconds: Mapping[tuple[str, str], float]
    last: tuple[str, str]
    timing: Timing
    cache: CacheState
    background: bool = False
    is_late: bool = False

    @property
    def usage(self) -> Usage:
        return total(self.shares.values())


class Books(Protocol):
    """Called in the event loop at the end of each request: it must be quick."""

    def settled(self, account: Account) -> None: ...


@runtime_checkable
class Bills(Books, Protocol):
    """Books that reckon too."""

    def bill(self, ledger: Ledger, backend: str) -> Bill | None:
        """What a request that the backend answered comes to, for its caller; None where nobody reckons that."""


def settle(account: Account, ledger: Ledger, books: Books) -> None:
    """Tell the books what a request came to, and later whatever is entered in its ledger after that."""
    books.settled(account)

    def late(pair: tuple[str, str], usage: Usage, seconds: float) -> None:
        books.settled(replace(account, shares={pair: usage}, seconds={pair: seconds}, last=pair, is_late=True))

    ledger.close(late)


class _NoBooks:
    def settled(self, account: Account) -> None:
        pass

    def bill(self, ledger: Ledger, backend: str) -> Bill | None:
        return None


NO_BOOKS: Bills = _NoBooks()
"""Keeps nothing."""


class _Together:
    def __init__(self, books: tuple[Books, ...]) -> None:
        self._books = books
        # Asked once: whether a class follows a protocol takes as long as a tenth of a request.
        self._bills = next((each for each in books if isinstance(each, Bills)), NO_BOOKS)

    def settled(self, account: Account) -> None:
        for books in self._books:
            books.settled(account)

    def bill(self, ledger: Ledger, backend: str) -> Bill | None:
        return self._bills.bill(ledger, backend)


def together(*books: Books) -> Bills:
    """Books that tell each account to all of these, in this order; the first that reckons makes the bill."""
    return _Together(books)
