"""One error of the closed list."""

from dataclasses import dataclass

__all__ = ["ProblemCode"]


@dataclass(frozen=True, slots=True)
class ProblemCode:
    """One line of the closed list. `meaning` and `remedy` are what the page of errors tells a caller."""

    code: str
    status: int
    title: str
    meaning: str
    remedy: str
    retryable: bool = False
