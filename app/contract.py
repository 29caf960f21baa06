"""The shapes that only the HTTP contract has: what stands around a task's output."""

from functools import cache
from typing import Any

from pydantic import BaseModel, Field, create_model

from chains.result import Attempt, PromptIdentity, TaskResult, Timing, Usage
from chains.task import Task

__all__ = ["Health", "Meta", "Readiness", "TaskInfo", "TaskList", "response_model", "to_response"]


class Meta(BaseModel):
    """Who answered, at what cost, in what time."""

    request_id: str
    prompt: PromptIdentity
    backend: str
    model: str
    usage: Usage
    timing: Timing
    attempts: list[Attempt] | None = Field(default=None, description="Backends that failed before this one answered.")


class TaskInfo(BaseModel):
    name: str
    summary: str
    prompt: PromptIdentity
    backends: list[str] = Field(description="The backends that serve the task, in the order in which they are tried.")


class TaskList(BaseModel):
    tasks: list[TaskInfo]


class Health(BaseModel):
    status: str = Field(description="`ok` whenever the process answers.")


class BackendState(BaseModel):
    name: str
    ready: bool
    code: str | None = Field(default=None, description="The error of the last probe.")


class PromptState(BaseModel):
    digest: str = Field(description="The digest of the prompt set that is served.")
    last_error: str | None = Field(default=None, description="Why the last edited prompt set was refused.")


class Readiness(BaseModel):
    status: str = Field(description="`ready` while every task has a usable backend, else `unready`.")
    prompts: PromptState
    backends: list[BackendState]


@cache
def response_model(task: Task[Any, Any]) -> type[BaseModel]:
    """The task's output with `meta` beside it, named for the API document: `SummarizeResponse`."""
    name = "".join(part.capitalize() for part in task.name.split("_")) + "Response"
    return create_model(name, __base__=task.output, __module__=__name__, meta=(Meta, ...))


def to_response(task: Task[Any, Any], result: TaskResult[Any], request_id: str) -> bytes:
    """The response body. Absent fields are left out."""
    meta = Meta(
        request_id=request_id,
        prompt=result.prompt,
        backend=result.backend,
        model=result.model,
        usage=result.usage,
        timing=result.timing,
        attempts=list(result.attempts) or None,
    )
    response = response_model(task).model_construct(**dict(result.output), meta=meta)
    return response.model_dump_json(exclude_none=True).encode()
