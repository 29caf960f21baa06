"""What a version makes of the golden cases of its prompt."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage

from chains.errors import FieldError, PromptRenderError
from chains.prompts.version import PromptVersion

__all__ = ["CaseRun", "run_cases"]


@dataclass(frozen=True, slots=True)
class CaseRun:
    """One case: `wrong` says why the version's inputs don't take it; else there are messages, or the error."""

    case: str
    wrong: tuple[FieldError, ...] = ()
    messages: tuple[BaseMessage, ...] = ()
    error: PromptRenderError | None = None


def run_cases(prompt: PromptVersion, cases: Mapping[str, Mapping[str, Any]]) -> Iterator[CaseRun]:
    """Render each case that the version takes, within the bounds of every render."""
    for case, inputs in cases.items():
        wrong = prompt.validate(inputs)
        if wrong:
            yield CaseRun(case, wrong=tuple(wrong))
            continue
        try:
            yield CaseRun(case, messages=tuple(prompt.invoke(dict(inputs)).to_messages()))
        except PromptRenderError as error:
            message = f"the case {case!r}: {error.message}"
            failed = PromptRenderError(message, path=error.path, line=error.line, rule="case-failed")
            yield CaseRun(case, error=failed)
