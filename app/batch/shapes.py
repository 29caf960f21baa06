"""What a batch looks like: the document names each task's own shapes, the service checks items one by one."""

from typing import Annotated, Any

from pydantic import BaseModel, Field, StrictInt, WrapValidator, create_model

from app.contract import MetaUsage, response_model
from app.problems import Problem
from chains.task import ClosedModel, Task

__all__ = ["BatchCounts", "BatchMeta", "batch_request_model", "batch_response_model"]


class _Frame(ClosedModel):
    """What stands around the items."""

    deadline_ms: StrictInt | None = Field(
        default=None,
        ge=1,
        le=3_600_000,
        description="Milliseconds for the whole batch: an item that isn't through then has the problem "
        "`deadline_exceeded`. An item's own deadline counts from the batch's beginning too.",
    )


class BatchCounts(BaseModel):
    """How many items were answered."""

    total: int = Field(description="Items of the batch.")
    succeeded: int = Field(description="Those with a result.")
    failed: int = Field(description="Those with a problem.")


class BatchMeta(BaseModel):
    """What the whole batch came to."""

    request_id: str = Field(description="That of an item has a colon and the item's index behind it.")
    counts: BatchCounts
    usage: MetaUsage = Field(description="The sum over all results.")
    total_ms: int = Field(description="Milliseconds from the request to its response.")


def batch_request_model(task: Task[Any, Any], max_items: int) -> type[ClosedModel]:
    """`SummarizeBatchRequest`. Its items are documented as the task's requests, and taken as whatever they are."""
    length = Field(min_length=1, max_length=max_items, description="The task's requests.")
    as_documented = WrapValidator(
        lambda value, check: check(value),
        json_schema_input_type=Annotated[list[task.input], length],  # type: ignore[name-defined]
    )
    items = Annotated[list[Any], length, as_documented]
    return create_model(
        f"{_name(task)}BatchRequest",
        __doc__=f"Many requests of {task.name}.",
        __base__=_Frame,
        __module__=__name__,
        items=(items, ...),
    )


def batch_response_model(task: Task[Any, Any]) -> type[BaseModel]:
    """`SummarizeBatchResponse`."""
    name = _name(task)
    fields: dict[str, Any] = {
        "result": (response_model(task) | None, Field(default=None, description="Where the item was answered.")),
        "problem": (Problem | None, Field(default=None, description="Where it was not.")),
    }
    result = create_model(
        f"{name}BatchResult",
        __doc__="What became of one item: it has either a result or a problem.",
        __module__=__name__,
        index=(int, Field(description="The place in `items`, from 0.")),
        **fields,
    )
    return create_model(
        f"{name}BatchResponse",
        __doc__="What became of the items.",
        __module__=__name__,
        results=(list[result], Field(description="One for each item, in their order.")),
        meta=(BatchMeta, ...),
    )


def _name(task: Task[Any, Any]) -> str:
    return "".join(part.capitalize() for part in task.name.split("_"))
