"""What travels in context variables, so that chains needn't pass it on."""

from contextvars import ContextVar, Token
from typing import Generic, TypeVar

__all__ = ["Within"]

T = TypeVar("T")


class Within(Generic[T]):
    """Sets a context variable as long as a block runs. Enter it once."""

    __slots__ = ("_token", "_value", "_variable")

    def __init__(self, variable: ContextVar[T | None], value: T) -> None:
        self._variable = variable
        self._value = value
        self._token: Token[T | None]

    def __enter__(self) -> T:
        self._token = self._variable.set(self._value)
        return self._value

    def __exit__(self, *_: object) -> None:
        self._variable.reset(self._token)
