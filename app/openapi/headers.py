"""The headers that requests and responses of all operations have in common."""

from typing import Any

__all__ = ["HEADERS", "PARAMETERS", "headers_of", "parameters_of"]

PARAMETERS: dict[str, dict[str, Any]] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Any string that stands for this request alone, for example a UUID, with or without quotes. "
        "Another try with the same key and the same body gets the same response, and is not served a second time.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    },
    "RequestId": {
        "name": "X-Request-Id",
        "in": "header",
        "description": "The caller's own name of the request, 1 to 128 of the characters `A-Z a-z 0-9 . _ : -`. The "
        "response and the service's log carry it; without one, or for one of another form, the service makes it up.",
        "schema": {"type": "string"},
    },
}
"""What a request may carry, by its name among the document's components."""


def _text(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


def _count(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "integer", "format": "int32"}}


HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": _text("The name of the request: the caller's own, or a new one."),
    "Idempotent-Replayed": _text("`true` where this is the response of an earlier try with the same Idempotency-Key."),
    "RateLimit-Limit": _count(
        "The key's limit that is the closest to being reached. All RateLimit headers are absent "
        "where the key has no limit per minute."
    ),
    "RateLimit-Remaining": _count("What is left of that limit."),
    "RateLimit-Reset": _count("The seconds until that limit is whole again."),
    "RateLimit-Policy": _text('All limits of the key, such as `60;w=60;comment="requests"`.'),
    "Retry-After": _count(
        "The seconds after which another try has a chance. Comes with each retryable problem of the "
        "statuses 409, 429 and 503."
    ),
    "WWW-Authenticate": _text("Comes with 401: how a key is sent."),
    "Allow": _text("Comes with 405: the methods that the path takes."),
}
"""What a response may carry."""

_RATES = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy")


def parameters_of(method: str, path: str) -> list[dict[str, Any]]:
    """The request headers of an operation."""
    names = ["IdempotencyKey"] if _is_kept(method, path) else []
    names += ["RequestId"] if path.startswith("/v1/") else []
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def headers_of(method: str, path: str, status: str) -> dict[str, Any]:
    """The headers of an operation's response with the status: `200`, `4XX`, ..."""
    names = ["X-Request-Id"]
    if _is_kept(method, path) and status[0] in "24":
        names.append("Idempotent-Replayed")
    if path.startswith("/v1/"):
        names += _RATES
    if status[0] in "45":
        names.append("Retry-After")
    if status == "4XX":
        names += ["WWW-Authenticate", "Allow"]
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _is_kept(method: str, path: str) -> bool:
    """Whether the operation obeys an Idempotency-Key."""
    return method == "post" and path.startswith("/v1/")
