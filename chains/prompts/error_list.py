"""What is wrong, collected."""

from collections.abc import Callable
from typing import Any, TypeVar

from chains.errors import PromptError, PromptSetError

__all__ = ["ErrorList"]

T = TypeVar("T")


class ErrorList(list[PromptError]):
    """The errors of one file or folder. One that keeps others from being found doesn't keep them from being told."""

    def catch(self, step: Callable[..., T], *arguments: Any) -> T | None:
        """What the step returns; None, and its errors are added, where it raises PromptError or PromptSetError."""
        try:
            return step(*arguments)
        except PromptError as error:
            self.append(error)
        except PromptSetError as errors:
            self.extend(errors.errors)
        return None

    def check(self) -> None:
        """Raise PromptSetError with all errors if there are any."""
        if self:
            raise PromptSetError(self)
