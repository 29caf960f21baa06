"""Every error that a caller can see: one table, one shape (RFC 9457, `application/problem+json`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from chains import errors

__all__ = [
    "CODES",
    "MEDIA_TYPE",
    "PROBLEM_OF",
    "REFUSALS",
    "Problem",
    "ProblemCode",
    "ProblemError",
    "problem_of_exception",
    "problem_response",
]

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemCode:
    """One line of the closed list. `meaning` and `remedy` are what the page of errors tells a caller."""

    code: str
    status: int
    title: str
    meaning: str
    remedy: str
    retryable: bool = False


CODES: Mapping[str, ProblemCode] = {
    entry.code: entry
    for entry in (
        ProblemCode(
            "invalid_json",
            400,
            "The body is not JSON",
            "The request body could not be parsed as JSON in UTF-8, or an object in it has one key twice.",
            "Send one JSON object, encoded in UTF-8. `detail` says what could not be read.",
        ),
        ProblemCode(
            "host_not_allowed",
            403,
            "The Host header is not allowed",
            "A service without API keys answers only to loopback names, and only directly: the Host header named "
            "another host, or the request came through a proxy.",
            "Call the service as 127.0.0.1, localhost or [::1], without a proxy.",
        ),
        ProblemCode(
            "scope_missing",
            403,
            "The key may not do this",
            "The operation needs a scope that the caller's API key doesn't have; `detail` names it.",
            "Use another key, or ask the operator for one with the scope.",
        ),
        ProblemCode(
            "not_found",
            404,
            "There is nothing here",
            "No operation has this path.",
            "Compare the path with the operations in /openapi.json.",
        ),
        ProblemCode(
            "task_unknown",
            404,
            "There is no such task",
            "The path names a task that this service doesn't have.",
            "GET /v1/tasks lists the tasks.",
        ),
        ProblemCode(
            "prompt_unknown",
            404,
            "There is no such prompt",
            "The request names a prompt, a version or a label that this service doesn't have, or doesn't serve.",
            "Use one that `detail` lists, or name none.",
        ),
        ProblemCode(
            "method_not_allowed",
            405,
            "The method is not allowed here",
            "The path exists, but not for this method.",
            "Use a method of the `Allow` header.",
        ),
        ProblemCode(
            "body_timeout",
            408,
            "The body came too slowly",
            "The request body was not complete in time.",
            "Send the whole body at once.",
            retryable=True,
        ),
        ProblemCode(
            "body_too_large",
            413,
            "The body is too large",
            "The request body has more bytes than `server.max_body_bytes` allows.",
            "Send a smaller text, or send it in parts.",
        ),
        ProblemCode(
            "media_type_unsupported",
            415,
            "The media type is not supported",
            "The request body is not declared as JSON.",
            "Send `Content-Type: application/json`.",
        ),
        ProblemCode(
            "invalid_request",
            422,
            "The request is invalid",
            "The body is JSON, but not what the operation takes. `errors` lists every wrong place by JSON pointer.",
            "Correct the places that `errors` names.",
        ),
        ProblemCode(
            "context_exceeded",
            422,
            "The text is too long for the model",
            "Prompt and answer together need more tokens than the model takes; `detail` states both numbers. "
            "Nothing was cut.",
            "Send a shorter text.",
        ),
        ProblemCode(
            "internal",
            500,
            "Something went wrong inside the service",
            "An error that the service did not foresee. The log of the service holds its cause under the request id.",
            "Report it with the request id.",
        ),
        ProblemCode(
            "prompt_render_failed",
            500,
            "The prompt could not be rendered",
            "The prompt template failed on this input, or hit one of its limits.",
            "Report it with the request id: the prompt's author has to correct the template.",
        ),
        ProblemCode(
            "backend_rejected",
            502,
            "The model server refused the request",
            "The model server understood the request and refused it.",
            "Report it with the request id: the operator has to correct the backend's configuration.",
        ),
        ProblemCode(
            "backend_protocol_error",
            502,
            "The model server answered nonsense",
            "The model server's answer was malformed or ended before it was complete.",
            "Send the request again.",
            retryable=True,
        ),
        ProblemCode(
            "output_invalid",
            502,
            "The model's answer is unusable",
            "The model's answer broke the schema, also after it was asked to correct it.",
            "Send the request again; if that doesn't help, the model is too small for the task.",
            retryable=True,
        ),
        ProblemCode(
            "output_truncated",
            502,
            "The model's answer is incomplete",
            "The answer hit the cap on output tokens, and a part of it would be worse than none.",
            "Send the text in smaller parts.",
        ),
        ProblemCode(
            "backend_unavailable",
            503,
            "The model server is not available",
            "The model server could not be reached, or broke down while it answered.",
            "Send the request again after `Retry-After` seconds.",
            retryable=True,
        ),
        ProblemCode(
            "backend_timeout",
            504,
            "The model server was too slow",
            "The model server did not answer within the backend's timeout.",
            "Send the request again, with a shorter text if it happens again.",
            retryable=True,
        ),
        ProblemCode(
            "deadline_exceeded",
            504,
            "The deadline passed",
            "The answer was not ready within `deadline_ms`, and its generation was stopped.",
            "Send the request again with a larger `deadline_ms`, or a shorter text.",
            retryable=True,
        ),
    )
}

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
    errors.InvalidInput: "invalid_request",
    errors.ContextExceeded: "context_exceeded",
    errors.DeadlineExceeded: "deadline_exceeded",
    errors.BackendError: "internal",
    errors.BackendUnavailable: "backend_unavailable",
    errors.BackendTimeout: "backend_timeout",
    errors.BackendRejected: "backend_rejected",
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
_RETRY_AFTER_S = "1"


class ProblemField(BaseModel):
    pointer: str = Field(description="RFC 6901 JSON pointer to the wrong place in the request body.")
    code: str
    message: str


class Problem(BaseModel):
    """An error as a caller sees it."""

    type: str = Field(description="Where the error is explained, relative to the service's address.")
    title: str
    status: int
    detail: str = Field(description="What was wrong this time, and what to do.")
    instance: str = Field(description="The path that was called.")
    code: str = Field(description="The stable name of the error: one of a closed list.")
    request_id: str
    retryable: bool = Field(description="Whether the same request may succeed when it is sent again later.")
    errors: list[ProblemField] = []


_PROBLEM = {"model": Problem, "content": {MEDIA_TYPE: {}}}

REFUSALS: Mapping[int | str, dict[str, Any]] = {
    "4XX": {**_PROBLEM, "description": "The request cannot be served as it is."},
    "5XX": {**_PROBLEM, "description": "The service or its model server failed."},
}
"""What every operation may answer instead, for its description."""


class ProblemError(Exception):
    """Raised where the service itself refuses a request. `code` is one of CODES."""

    def __init__(self, code: str, detail: str, fields: Sequence[errors.FieldError] = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.fields = tuple(fields)


def problem_of_exception(error: Exception) -> ProblemError:
    """Translate any exception. What is not meant for callers becomes `internal` and says nothing of its cause."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, RequestValidationError):
        return _validation_problem(error)
    if isinstance(error, HTTPException):
        return ProblemError(_STATUS_CODES.get(error.status_code, "internal"), str(error.detail))
    code = PROBLEM_OF.get(type(error), "internal") if isinstance(error, errors.CopydeskError) else "internal"
    if code == "internal":
        return ProblemError(code, "The service failed on this request. Report it with the request id.")
    if isinstance(error, errors.PromptRenderError):  # its text begins with a path, which is for the log
        prompt = f"The prompt {error.prompt}" if error.prompt else "The prompt"
        detail = f"{prompt} could not be rendered: {error.message}. Report it with the request id."
        return ProblemError(code, detail)
    return ProblemError(code, str(error), getattr(error, "errors", ()))


def _validation_problem(error: RequestValidationError) -> ProblemError:
    details = error.errors()
    broken = next((item for item in details if item["type"] == "json_invalid"), None)
    if broken is not None:
        reason = broken.get("ctx", {}).get("error", broken["msg"])
        return ProblemError("invalid_json", f"The body is not valid JSON: {reason} (at character {broken['loc'][-1]}).")
    fields = [errors.FieldError(_pointer(item["loc"]), item["type"], _plain(item)) for item in details]
    count = len(fields)
    where = ", ".join(field.pointer or "the body itself" for field in fields[:5]) + (", ..." if count > 5 else "")
    places = "One place is" if count == 1 else f"{count} places are"
    return ProblemError("invalid_request", f"{places} wrong in the request: {where}. See errors.", fields)


def _plain(item: Mapping[str, Any]) -> str:
    words = _PLAIN_WORDS.get(item["type"])
    return words.format(**item.get("ctx", {})) if words else str(item["msg"])


def _pointer(location: Sequence[str | int]) -> str:
    """pydantic's location, without FastAPI's leading `body`, as a JSON pointer."""
    parts = location[1:] if location and location[0] in {"body", "query", "path", "header"} else location
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def problem_response(request: Request, error: ProblemError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The response for an error; its request id is the one that the request's scope carries."""
    entry = CODES[error.code]
    request.scope["state"]["outcome"] = f" code={entry.code}"
    problem = Problem(
        type=f"/docs/errors#{entry.code}",
        title=entry.title,
        status=entry.status,
        detail=error.detail,
        instance=request.url.path,
        code=entry.code,
        request_id=request.scope["state"]["request_id"],
        retryable=entry.retryable,
        errors=[ProblemField(pointer=f.pointer, code=f.code, message=f.message) for f in error.fields],
    )
    extra = {"retry-after": _RETRY_AFTER_S} if entry.status in (429, 503) else {}
    content = problem.model_dump(mode="json", exclude_defaults=True)
    return JSONResponse(content, entry.status, {**extra, **(headers or {})}, MEDIA_TYPE)
