"""What the errors of the providers' packages mean. They are known by their form: no package is imported for it.

What an error says may quote the request or a key, so only numbers are taken from it; the whole is in `original`.
"""

import json
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Any

from chains.backends.configuration import Timeouts
from chains.backends.openai.refusals import event_error, response_error
from chains.errors import (
    BackendError,
    BackendProtocolError,
    BackendTimeout,
    BackendUnavailable,
    ContextExceeded,
    CopydeskError,
)

__all__ = ["translated"]

# LangChain's own classes, for errors that bring no status.
_STATUS_OF_CLASS: Mapping[str, int] = {
    "ModelAuthenticationError": 401,
    "ModelPermissionDeniedError": 403,
    "ModelNotFoundError": 404,
    "ModelRateLimitError": 429,
    "ModelInvalidRequestError": 400,
    "ContextOverflowError": 400,
    "ResourceExhausted": 429,
}
# Anthropic's, in a stream after its HTTP 200: https://docs.claude.com/en/api/errors
_STATUS_OF_TYPE: Mapping[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_TIMEOUTS = {"TimeoutError", "TimeoutException", "APITimeoutError", "ModelTimeoutError", "DeadlineExceeded"}
_BROKEN = {"RemoteProtocolError", "ReadError", "WriteError", "CloseError", "IncompleteRead", "ClientPayloadError"}
_UNREACHABLE = {"ConnectError", "APIConnectionError", "ModelConnectionError", "NetworkError", "OSError"}
_NUMBER = r"(?<![\d,])(\d[\d,]{0,14})(?![\d,])"
_TOO_LONG = (
    re.compile(rf"prompt is too long: {_NUMBER} tokens > {_NUMBER} maximum"),  # Anthropic
    re.compile(
        rf"input token count \({_NUMBER}\) exceeds the maximum number of tokens allowed \({_NUMBER}\)"
    ),  # Google
    re.compile(rf"Prompt contains {_NUMBER} tokens[^\n]{{0,80}}? with {_NUMBER} maximum context length"),  # Mistral
)


def translated(
    error: Exception, *, backend: str, timeouts: Timeouts, reserved: int, api_key_env: str | None
) -> CopydeskError:
    """An error of ours for any other. `reserved` tokens were asked for the answer."""
    if isinstance(error, CopydeskError):
        return error
    exceeded = _context_exceeded(error, reserved)
    if exceeded is not None:
        return exceeded
    body = getattr(error, "body", None)
    status = _status(error) or _status_of_type(body)
    said: CopydeskError | None = None
    if status is not None:
        raw, header = _raw(error, body), _header(error, "retry-after")
        said = response_error(backend, status, raw, retry_after=header, reserved=reserved, api_key_env=api_key_env)
    elif isinstance(body, dict):
        said = event_error(backend, _raw(error, body), reserved=reserved, api_key_env=api_key_env)
    if said is None:
        kind, message = _meaning(error, timeouts)
        return kind(message, backend=backend, original=error)
    if isinstance(said, BackendError):
        said.original = error
    return said


def _meaning(error: Exception, timeouts: Timeouts) -> tuple[type[BackendError], str]:
    """An error without a status: by the classes of it and of what caused it."""
    causes = list(_causes(error))
    classes = {kind.__name__ for cause in causes for kind in type(cause).__mro__}
    if "ConnectTimeout" in classes:
        return BackendTimeout, f"no connection within {timeouts.connect_s:g} s (connect_timeout_s)"
    if classes & _TIMEOUTS:
        return BackendTimeout, "the server did not answer in time"
    if any(isinstance(cause, socket.gaierror) for cause in causes) or "NameResolutionError" in classes:
        return BackendUnavailable, "the host name of base_url can't be resolved: check it"
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return BackendUnavailable, "no trusted TLS connection: check the server's certificate and base_url"
    if classes & _BROKEN:
        return BackendUnavailable, "the server closed the connection before the answer was complete"
    if classes & _UNREACHABLE:
        return BackendUnavailable, "nothing answers at base_url: start the server, or check the address"
    if classes & {"ValueError", "LookupError", "TypeError", "AttributeError"}:
        return BackendProtocolError, "the answer is malformed or incomplete"
    return BackendProtocolError, f"the provider's package failed ({type(error).__name__})"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__


def _status(error: Exception) -> int | None:
    """The HTTP status, where the packages keep it: OpenAI, Anthropic, Groq; httpx, requests; Google; botocore."""
    response = getattr(error, "response", None)
    botocore = response.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(response, dict) else None
    places = (
        getattr(error, "status_code", None),
        getattr(response, "status_code", None),
        getattr(error, "http_status", None),
        botocore,
        getattr(error, "code", None),
    )
    status = next((place for place in places if isinstance(place, int) and 300 <= place < 600), None)
    classes = (kind.__name__ for kind in type(error).__mro__)
    return status or next((_STATUS_OF_CLASS[name] for name in classes if name in _STATUS_OF_CLASS), None)


def _status_of_type(body: Any) -> int | None:
    said = body.get("error", body) if isinstance(body, dict) else None
    return _STATUS_OF_TYPE.get(str(said.get("type"))) if isinstance(said, dict) else None


def _header(error: Exception, name: str) -> str | None:
    headers = getattr(getattr(error, "response", None), "headers", None)
    value = headers.get(name) if headers is not None and hasattr(headers, "get") else None
    return str(value) if value is not None else None


def _raw(error: Exception, body: Any) -> bytes:
    """The body as the server sent it, or its message where the package kept only that."""
    said = body if isinstance(body, dict) else {"message": str(error)}
    try:
        return json.dumps(said, default=str).encode()
    except (ValueError, TypeError, RecursionError):
        return b"{}"


def _context_exceeded(error: Exception, reserved: int) -> ContextExceeded | None:
    for pattern in _TOO_LONG:
        if found := pattern.search(str(error)):
            prompt, limit = (int(number.replace(",", "")) for number in found.groups())
            return ContextExceeded(needed=prompt + reserved, limit=limit, reserved=reserved)
    return None
