"""Many requests of one task in one: each gets a result or a problem of its own, in order."""

from app.batch.operation import batch_router

__all__ = ["batch_router"]
