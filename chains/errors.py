"""Every error that Copydesk raises on purpose, as one tree.

CopydeskError
├── ConfigurationError            the configuration is wrong: the start is refused
├── PromptError                   a file under prompts/ is wrong: file, line, column
│   └── PromptRenderError         a template could not be rendered (limit, type, undefined)
├── PromptSetError                a prompt folder has errors: all of them at once
├── StepRefused                   a release, promotion or rollback is refused: every reason at once
├── NotFoundError                 something named in a request does not exist
│   ├── UnknownTask
│   ├── UnknownPrompt
│   └── UnknownBackend
├── DraftRefused                  a request names a draft, and its caller may not
├── InvalidInput                  a request is well formed but cannot be served: pointers
│   ├── ContextExceeded           the prompt does not fit the model: both numbers
│   └── SchemaUnsupported         a caller's JSON Schema is outside of what is served: pointers
├── DeadlineExceeded              the caller's deadline passed
├── BackendError                  a model server failed; keeps `backend` and `original`
│   ├── BackendUnavailable        not reachable, or broken down
│   ├── BackendBusy               it has no room now: its queue here is full, or it said so itself
│   ├── BackendTimeout            reachable, but too slow
│   ├── BackendRejected           it refused the request
│   ├── RecordingMissing          it answers from recordings, and has none for this request
│   └── BackendProtocolError      it answered nonsense, or stopped before the end
└── OutputError                   the model's answer is unusable; keeps `raw`
    ├── OutputInvalid             it breaks the schema, even after the repair
    └── OutputTruncated           it hit the cap on output tokens

`code` is the stable machine-readable name. `retryable` says whether the same request may succeed
when it is sent again later. Every message says what was wrong, where, and what to do about it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

__all__ = [
    "BackendBusy",
    "BackendError",
    "BackendProtocolError",
    "BackendRejected",
    "BackendTimeout",
    "BackendUnavailable",
    "ConfigurationError",
    "ContextExceeded",
    "CopydeskError",
    "DeadlineExceeded",
    "DraftRefused",
    "FieldError",
    "InvalidInput",
    "NotFoundError",
    "OutputError",
    "OutputInvalid",
    "OutputTruncated",
    "PromptError",
    "PromptRenderError",
    "PromptSetError",
    "Reason",
    "RecordingMissing",
    "SchemaUnsupported",
    "StepRefused",
    "UnknownBackend",
    "UnknownPrompt",
    "UnknownTask",
]


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong place in a request: an RFC 6901 JSON pointer, a code, and a sentence."""

    pointer: str
    code: str
    message: str


class CopydeskError(Exception):
    """The root of the tree. Abstract: only its leaves are raised."""

    code: ClassVar[str] = "internal"
    retryable: bool = False


class ConfigurationError(CopydeskError):
    """The configuration cannot be used. `problems` lists everything that is wrong, at once."""

    code = "configuration_invalid"

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class PromptError(CopydeskError):
    """A file of the prompt set is wrong.

    `path` is the file, `line` and `column` count from 1 (absent where the whole file is meant), `hint`
    says what to do, `rule` is its anchor on docs/lint.md. `str()` reads like a compiler's message:
    `path:line:column: message (hint)`.
    """

    code = "prompt_invalid"

    def __init__(
        self,
        message: str,
        *,
        path: Path | None = None,
        line: int | None = None,
        column: int | None = None,
        hint: str | None = None,
        rule: str = "file",
    ) -> None:
        place = ":".join(str(part) for part in (path, line, column) if part is not None)
        super().__init__(f"{place}: {message}" if place else message)
        self.message = message
        self.path = path
        self.line = line
        self.column = column
        self.hint = hint
        self.rule = rule

    def __str__(self) -> str:
        return f"{self.args[0]} ({self.hint})" if self.hint else str(self.args[0])


class PromptRenderError(PromptError):
    """A valid template failed on these inputs: a limit was hit, or an expression was wrong. `prompt` is its
    name@version."""

    code = "prompt_render_failed"

    def __init__(self, message: str, *, prompt: str = "", **place: Any) -> None:
        super().__init__(message, **place)
        self.prompt = prompt


class PromptSetError(CopydeskError):
    """A prompt folder cannot be used. `errors` lists everything that is wrong in it."""

    code = "prompt_set_invalid"

    def __init__(self, errors: Sequence[PromptError]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = tuple(errors)


@dataclass(frozen=True, slots=True)
class Reason:
    """What stands against a step: the check that failed, what was found, and what to do about it."""

    check: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.message} ({self.remedy})"


class StepRefused(CopydeskError):
    """A release, a promotion or a rollback is refused, and nothing was written. `reasons` are all that stand
    against it."""

    code = "step_refused"

    def __init__(self, step: str, reasons: Sequence[Reason]) -> None:
        super().__init__("\n".join([f"{step}: refused", *(f"- {reason}" for reason in reasons)]))
        self.step = step
        self.reasons = tuple(reasons)


class NotFoundError(CopydeskError):
    """Something that a request names does not exist. Abstract."""

    code = "not_found"


class UnknownTask(NotFoundError):
    code = "task_unknown"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"There is no task {name!r}. The tasks are: {', '.join(known)}.")


class UnknownPrompt(NotFoundError):
    code = "prompt_unknown"


class UnknownBackend(NotFoundError):
    code = "backend_unknown"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"There is no backend {name!r}. The backends are: {', '.join(known)}.")


class DraftRefused(CopydeskError):
    """The request names a version that isn't released, and its caller may name released ones only."""

    code = "scope_missing"

    def __init__(self, prompt: str) -> None:
        super().__init__(f"{prompt} is a draft, and to name one, a key needs the scope drafts.")


class InvalidInput(CopydeskError):
    """The request is well formed, but its contents cannot be served. `errors` names each place."""

    code = "invalid_request"

    def __init__(self, message: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(message)
        self.errors = tuple(errors)


class ContextExceeded(InvalidInput):
    """The rendered prompt does not fit the model's context. Nothing is ever cut to make it fit.

    `needed` and `limit` are tokens; `needed` includes the `reserved` tokens of output. `remedy` is what to do, where a
    shorter text wouldn't help. `needed` is `estimated` where only the beginning of a very long text was counted.
    """

    code = "context_exceeded"

    def __init__(
        self,
        *,
        needed: int,
        limit: int,
        reserved: int,
        remedy: str = "Send a shorter text.",
        estimated: bool = False,
    ) -> None:
        if reserved >= limit:
            remedy = "No text is short enough: the operator has to give the model a larger context."
        super().__init__(
            f"The request needs {'some ' if estimated else ''}{needed} tokens ({needed - reserved} of prompt and "
            f"{reserved} kept for the answer), "
            f"but the model takes {limit}. {remedy}"
        )
        self.needed = needed
        self.limit = limit
        self.reserved = reserved
        self.remedy = remedy
        self.estimated = estimated


class SchemaUnsupported(InvalidInput):
    """A JSON Schema that a caller sent at `pointer` is not one of those that are served. `errors` names each place,
    and what to do there."""

    code = "schema_unsupported"

    def __init__(self, pointer: str, errors: Sequence[FieldError]) -> None:
        first = errors[0]
        more = f" {len(errors)} places are listed in errors." if len(errors) > 1 else ""
        super().__init__(f"The schema cannot be used, at {first.pointer}: {first.message}.{more}", errors)
        self.pointer = pointer


class DeadlineExceeded(CopydeskError):
    code = "deadline_exceeded"
    retryable = True

    def __init__(self, deadline_ms: int) -> None:
        super().__init__(
            f"The answer was not ready within {deadline_ms} ms, and its generation was stopped. "
            "Send the request again with a larger deadline_ms, or a shorter text."
        )
        self.deadline_ms = deadline_ms


class BackendError(CopydeskError):
    """A model server failed. `backend` is its name in the configuration, `original` the foreign error.

    `retry_after_s` says in how many seconds another try has a chance, where somebody knows. `too_late` is true where
    nothing was asked because the answer would have come after the request's deadline.
    """

    code = "backend_failed"

    def __init__(
        self,
        message: str,
        *,
        backend: str,
        original: BaseException | None = None,
        retry_after_s: float | None = None,
        too_late: bool = False,
    ) -> None:
        super().__init__(f"Backend {backend!r}: {message}")
        self.backend = backend
        self.original = original
        self.retry_after_s = retry_after_s
        self.too_late = too_late


class BackendUnavailable(BackendError):
    code = "backend_unavailable"
    retryable = True


class BackendBusy(BackendError):
    code = "backend_busy"
    retryable = True


class BackendTimeout(BackendError):
    code = "backend_timeout"
    retryable = True


class BackendRejected(BackendError):
    code = "backend_rejected"


class RecordingMissing(BackendError):
    """There is no recorded answer under `key`."""

    code = "recording_missing"

    def __init__(self, message: str, *, backend: str, key: str) -> None:
        super().__init__(message, backend=backend)
        self.key = key


class BackendProtocolError(BackendError):
    code = "backend_protocol_error"
    retryable = True


class OutputError(CopydeskError):
    """The model answered, but not usably. `raw` is its answer; it is never sent to a caller or a log."""

    code = "output_unusable"

    def __init__(self, message: str, *, raw: str) -> None:
        super().__init__(message)
        self.raw = raw


class OutputInvalid(OutputError):
    code = "output_invalid"
    retryable = True


class OutputTruncated(OutputError):
    code = "output_truncated"
