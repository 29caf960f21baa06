"""From exceptions to what a caller sees: one table, one shape (RFC 9457, `application/problem+json`)."""

import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import Scope

from app.problem_codes import CODES
from chains import errors
from chains.documents import errors as documents

__all__ = [
    "DATABASE_AWAY",
    "MEDIA_TYPE",
    "PROBLEM_OF",
    "REFUSALS",
    "ParameterError",
    "Problem",
    "ProblemError",
    "instance_of",
    "note_failure",
    "problem_for",
    "problem_of",
    "problem_of_exception",
    "problem_response",
    "retry_after",
    "shutting_down",
]

_log = logging.getLogger("copydesk.service")

MEDIA_TYPE = "application/problem+json"

DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeoutError)
"""What the database raises where it can't be reached, is locked, or breaks off."""


PROBLEM_OF: Mapping[type[errors.CopydeskError], str] = {
    errors.CopydeskError: "internal",
    errors.ConfigurationError: "internal",
    errors.PromptError: "internal",
    errors.PromptSetError: "internal",
    errors.StepRefused: "internal",
    errors.PromptRenderError: "prompt_render_failed",
    errors.NotFoundError: "not_found",
    errors.UnknownTask: "task_unknown",
    errors.UnknownPrompt: "prompt_unknown",
    errors.UnknownBackend: "backend_unknown",
    errors.DraftRefused: "scope_missing",
    errors.InvalidInput: "invalid_request",
    errors.ContextExceeded: "context_exceeded",
    errors.SchemaUnsupported: "schema_unsupported",
    documents.DocumentRefused: "document_invalid",
    documents.DocumentInvalid: "document_invalid",
    documents.DocumentEncrypted: "document_encrypted",
    documents.DocumentEmpty: "document_without_text",
    documents.DocumentTooLarge: "document_too_large",
    documents.DocumentTooCostly: "document_too_costly",
    documents.DocumentsUnavailable: "documents_unavailable",
    documents.DocumentsBusy: "documents_busy",
    errors.DeadlineExceeded: "deadline_exceeded",
    errors.BackendError: "internal",
    errors.BackendUnavailable: "backend_unavailable",
    errors.BackendBusy: "backend_busy",
    errors.BackendTimeout: "backend_timeout",
    errors.BackendRejected: "backend_rejected",
    errors.RecordingMissing: "recording_missing",
    errors.BackendProtocolError: "backend_protocol_error",
    errors.OutputError: "internal",
    errors.OutputInvalid: "output_invalid",
    errors.OutputTruncated: "output_truncated",
}
"""The whole exception tree; a test fails where a class is missing. `internal` hides the message from callers."""

_PLAIN_WORDS = {
    "extra_forbidden": "There is no such field here; /openapi.json lists the fields",
    "missing": "This is required",
    "model_attributes_type": "This must be a JSON object",
    "dict_type": "This must be a JSON object",
    "list_type": "This must be a list",
    "tuple_type": "This must be a list",
    "string_type": "This must be a text",
    "int_type": "This must be a whole number",
    "bool_type": "This must be true or false",
    "string_too_short": "Send at least {min_length} characters",
    "string_too_long": "Send at most {max_length} characters",
    "too_short": "Send at least {min_length} items, not {actual_length}",
    "too_long": "Send at most {max_length} items, not {actual_length}",
}
"""Said for callers who have never heard of pydantic, by its error types and from their context."""

_STATUS_CODES = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 415: "media_type_unsupported"}
_PARAMETERS = {"query", "path", "header", "cookie"}
_RETRY_AFTER_S = 1
_LONGEST_INSTANCE = 1000


class ProblemField(BaseModel):
    """One wrong place in a request."""

    pointer: str = Field(
        description="RFC 6901 JSON pointer to the wrong place in the request body; empty for the body itself, "
        "or where a parameter is wrong."
    )
    parameter: str | None = Field(
        default=None, description="The query parameter, part of the path or header that is wrong, if it isn't the body."
    )
    code: str = Field(description="The stable name of what is wrong there.")
    message: str = Field(description="What is wrong there, and what to do.")


class Problem(BaseModel):
    """An error as a caller sees it."""

    type: str = Field(description="Where the error is explained, relative to the service's address.")
    title: str = Field(description="The error in a few words; the same for each code.")
    status: int = Field(
        description="The HTTP status; in a stream, in a batch and in a job, the one that it would have had alone."
    )
    detail: str = Field(description="What was wrong this time, and what to do.")
    instance: str = Field(description="The path that was called.")
    code: str = Field(description="The stable name of the error: one of a closed list.")
    request_id: str = Field(description="The name of the request, as the header X-Request-Id has it.")
    retryable: bool = Field(description="Whether the same request may succeed when it is sent again later.")
    errors: list[ProblemField] = Field(default=[], description="The wrong places, where there are some.")


@dataclass(frozen=True, slots=True)
class ParameterError(errors.FieldError):
    """One wrong parameter of a request: its pointer is empty."""

    parameter: str


_PROBLEM = {"model": Problem, "content": {MEDIA_TYPE: {}}}

REFUSALS: Mapping[int | str, dict[str, Any]] = {
    "4XX": {**_PROBLEM, "description": "The request cannot be served as it is."},
    "5XX": {**_PROBLEM, "description": "The service or its model server failed."},
}
"""What every operation may answer instead, for its description."""


class ProblemError(Exception):
    """Raised where the service itself refuses a request. `code` is one of CODES, `retry_after_s` the seconds after
    which another try has a chance, where somebody knows."""

    def __init__(
        self, code: str, detail: str, fields: Sequence[errors.FieldError] = (), retry_after_s: float | None = None
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.fields = tuple(fields)
        self.retry_after_s = retry_after_s


def problem_of_exception(error: Exception) -> ProblemError:
    """Translate any exception. What is not meant for callers becomes `internal` and says nothing of its cause."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, RequestValidationError):
        return _validation_problem(error)
    if isinstance(error, HTTPException):
        return ProblemError(_STATUS_CODES.get(error.status_code, "internal"), str(error.detail))
    if isinstance(error, DATABASE_AWAY):
        return ProblemError("database_unavailable", "The service's database does not answer. Send the request again.")
    code = PROBLEM_OF.get(type(error), "internal") if isinstance(error, errors.CopydeskError) else "internal"
    if code == "internal":
        return ProblemError(code, "The service failed on this request. Report it with the request id.")
    if isinstance(error, errors.PromptRenderError):  # its text begins with a path, which is for the log
        prompt = f"The prompt {error.prompt}" if error.prompt else "The prompt"
        detail = f"{prompt} could not be rendered: {error.message}. Report it with the request id."
        return ProblemError(code, detail)
    return ProblemError(code, str(error), getattr(error, "errors", ()), getattr(error, "retry_after_s", None))


def _validation_problem(error: RequestValidationError) -> ProblemError:
    details = error.errors()
    broken = next((item for item in details if item["type"] == "json_invalid"), None)
    if broken is not None:
        reason = broken.get("ctx", {}).get("error", broken["msg"])
        return ProblemError("invalid_json", f"The body is not valid JSON: {reason} (at character {broken['loc'][-1]}).")
    fields = [_field(item) for item in details]
    count = len(fields)
    where = ", ".join(_place(field) for field in fields[:5]) + (", ..." if count > 5 else "")
    places = "One place is" if count == 1 else f"{count} places are"
    return ProblemError("invalid_request", f"{places} wrong in the request: {where}. See errors.", fields)


def _plain(item: Mapping[str, Any]) -> str:
    words = _PLAIN_WORDS.get(item["type"])
    told = words.format(**item.get("ctx", {})) if words else str(item["msg"])
    return re.sub(r"\b1 (character|item)s\b", r"1 \1", told)


def _field(item: Mapping[str, Any]) -> errors.FieldError:
    location = item["loc"]
    if location and location[0] in _PARAMETERS:
        return ParameterError("", item["type"], _plain(item), str(location[1]))
    return errors.FieldError(_pointer(location), item["type"], _plain(item))


def _place(field: errors.FieldError) -> str:
    if isinstance(field, ParameterError):
        return f"the parameter {field.parameter}"
    return field.pointer or "the body itself"


def _pointer(location: Sequence[str | int]) -> str:
    """pydantic's location, without FastAPI's leading `body`, as a JSON pointer."""
    parts = location[1:] if location and location[0] == "body" else location
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def shutting_down() -> ProblemError:
    """For whoever is still waiting when the service has to end."""
    return ProblemError(
        "shutting_down", "The service is being stopped, and your request was not through. Send it again."
    )


def problem_for(request: Request, error: Exception) -> Problem:
    """The body for an error; its request id is the one that the request's scope carries."""
    state = request.scope["state"]
    problem = problem_of(error, state["request_id"], instance_of(request.scope))
    state["record"].code = problem.code
    return problem


def problem_of(error: Exception, request_id: str, instance: str) -> Problem:
    """The body for an error, wherever it came from."""
    found = problem_of_exception(error)
    entry = CODES[found.code]
    return Problem(
        type=f"/docs/errors#{entry.code}",
        title=entry.title,
        status=entry.status,
        detail=found.detail,
        instance=instance,
        code=entry.code,
        request_id=request_id,
        retryable=entry.retryable,
        errors=[_problem_field(field) for field in found.fields],
    )


def _problem_field(field: errors.FieldError) -> ProblemField:
    parameter = field.parameter if isinstance(field, ParameterError) else None
    return ProblemField(pointer=field.pointer, parameter=parameter, code=field.code, message=field.message)


def instance_of(scope: Scope) -> str:
    """The path as it was sent, percent-encoded. Not request.url, which a wrong Host header breaks."""
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    return raw[:_LONGEST_INSTANCE].decode("ascii")


def note_failure(request_id: str, error: Exception, code: str) -> None:
    """Log what went wrong in here or behind it: its words, and its whole traceback where nobody foresaw it."""
    if code == "internal" and not isinstance(error, errors.CopydeskError):
        _log.error("id=%s: unforeseen", request_id, exc_info=error)
    elif CODES[code].status >= 500:
        cause = type(getattr(error, "original", None) or error).__name__
        _log.warning("id=%s: %s (%s)", request_id, error, cause)


def problem_response(request: Request, error: ProblemError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The response for an error."""
    problem = problem_for(request, error)
    content = problem.model_dump(mode="json", exclude_defaults=True)
    return JSONResponse(content, problem.status, {**retry_after(problem, error), **(headers or {})}, MEDIA_TYPE)


def retry_after(problem: Problem, error: ProblemError) -> dict[str, str]:
    """The header of what may be tried again later; that of a budget leads to the next month."""
    if problem.status not in (429, 503) and not (problem.status == 409 and problem.retryable):
        return {}
    return {"retry-after": str(max(math.ceil(error.retry_after_s or _RETRY_AFTER_S), 1))}
