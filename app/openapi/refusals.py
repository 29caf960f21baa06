"""What each operation may answer instead: the problems by their statuses and codes."""

from collections.abc import Iterator
from typing import Any

from app.problem_codes import CODES
from app.problems import MEDIA_TYPE

__all__ = ["OF_NO_OPERATION", "OPEN_PATHS", "codes_of", "refusals_of"]

OPEN_PATHS = ("/healthz", "/readyz")
"""What needs no key."""

OF_NO_OPERATION = frozenset({"method_not_allowed"})
"""What only a request to no operation gets."""

_ANYWHERE = {"bad_http_request", "headers_timeout", "headers_too_large", "host_not_allowed", "internal", "overloaded"}
_ANYWHERE |= {"shutting_down"}
_WITH_KEYS = {"key_invalid", "key_missing", "scope_missing"}
_WITH_BODY = {"body_timeout", "body_too_large", "invalid_json", "invalid_request", "media_type_unsupported"}
_KEPT = {"idempotency_in_progress", "idempotency_key_invalid", "idempotency_key_reused", "database_unavailable"}
_COUNTED = {"concurrency_limited", "rate_limited"}
_OF_PROMPTS = {"prompt_unknown"}
_OF_RENDERING = {"prompt_render_failed", "invalid_request"}


def codes_of(method: str, path: str) -> list[str]:
    """The codes that an operation may answer with, by status; one that no set here names is of every operation
    that asks a model."""
    listed = set(_ANYWHERE)
    if path not in OPEN_PATHS:
        listed |= _WITH_KEYS
    if "{" in path:
        listed |= {"not_found"}
    if method == "post":
        listed |= _WITH_BODY | _KEPT | _COUNTED
    if path.startswith("/v1/prompts/"):
        listed |= _OF_PROMPTS
    if path.endswith("/render"):
        listed |= _OF_RENDERING
    if path.startswith(("/v1/jobs", "/v1/usage")):  # what lives in the database, and has parameters
        listed |= {"database_unavailable", "invalid_request"}
    if path.startswith("/v1/jobs/"):
        listed |= {"job_unknown"}
    if _asks_model(method, path):
        listed |= set(CODES) - OF_NO_OPERATION - {"job_unknown", "not_found", "task_unknown"}
    if (method, path) == ("post", "/v1/jobs"):
        listed |= {"task_unknown"}
    return [code for code in CODES if code in listed]


def _asks_model(method: str, path: str) -> bool:
    return method == "post" and path.startswith("/v1/") and not path.startswith(("/v1/prompts/", "/v1/jobs/"))


def refusals_of(method: str, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The responses `4XX` and `5XX` of an operation."""
    codes = codes_of(method, path)
    for status, why in (
        ("4XX", "The request cannot be served as it is."),
        ("5XX", "The service or its model server failed."),
    ):
        entries = [CODES[code] for code in codes if str(CODES[code].status)[0] == status[0]]
        listed = ", ".join(f"`{entry.code}` ({entry.status})" for entry in entries)
        yield (
            status,
            {
                "description": f"{why} The codes: {listed}.",
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                "x-problem-codes": [entry.code for entry in entries],
            },
        )
