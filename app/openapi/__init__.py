"""The OpenAPI document: what callers in other languages generate their clients from."""

from app.openapi.document import describe, request_example

__all__ = ["describe", "request_example"]
