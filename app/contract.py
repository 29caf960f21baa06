"""The shapes that only the HTTP contract has: what stands around a task's output."""

from enum import Enum
from functools import cache
from typing import Any

from pydantic import BaseModel, Field, create_model, model_validator
from pydantic_core import PydanticCustomError

from chains.result import Attempt, CacheState, PromptIdentity, TaskResult, Timing, Usage
from chains.task import ClosedModel, Task, TextInput

__all__ = [
    "BackendState",
    "Delta",
    "Health",
    "Meta",
    "PromptDetail",
    "PromptInfo",
    "PromptLabel",
    "PromptList",
    "PromptMessage",
    "PromptParameters",
    "PromptState",
    "PromptVersionDetail",
    "PromptVersionInfo",
    "Readiness",
    "RenderRequest",
    "RenderResponse",
    "Role",
    "TaskInfo",
    "TaskList",
    "VersionStatus",
    "response_model",
    "to_response",
]


class Meta(BaseModel):
    """Who answered, at what cost, in what time."""

    request_id: str
    prompt: PromptIdentity
    backend: str
    model: str
    usage: Usage
    cache: CacheState = Field(
        description="`miss`: generated for this request; `shared`: with an identical one in flight, which pays for it; "
        "`hit`: kept from an earlier one."
    )
    timing: Timing
    attempts: list[Attempt] | None = Field(default=None, description="Calls that failed before this answer came.")


class Delta(BaseModel):
    """A piece of a text that is being written."""

    text: str


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
    warming: bool | None = Field(default=None, description="Present and true while its model is being loaded.")
    code: str | None = Field(default=None, description="The error of the last probe, or of loading the model.")


class PromptState(BaseModel):
    digest: str = Field(description="The digest of the prompt set that is served.")
    last_error: str | None = Field(
        default=None,
        description="Where the last edited prompt set, which was refused, is wrong; GET /v1/prompts says what is.",
    )


class Readiness(BaseModel):
    status: str = Field(description="`ready`: every task has a usable backend; else `unready`, or `stopping`.")
    prompts: PromptState
    backends: list[BackendState]


class VersionStatus(str, Enum):
    RELEASED = "released"
    DRAFT = "draft"


class PromptLabel(BaseModel):
    label: str = Field(description="`production` serves whoever names nothing, `canary` a share of them.")
    version: str
    percent: float | None = Field(default=None, description="The canary's share of production's requests.")


class PromptVersionInfo(BaseModel):
    version: str
    digest: str = Field(description="`sha256:` and 64 hex digits over all that shapes the messages.")
    status: VersionStatus = Field(description="A released version never changes; a draft may.")


class PromptInfo(BaseModel):
    name: str
    description: str = Field(description="That of the version in production, else of the newest.")
    labels: list[PromptLabel]
    versions: list[PromptVersionInfo] = Field(description="The lowest version first.")


class PromptList(BaseModel):
    digest: str = Field(description="The digest of the whole set: it changes with any version, release or label.")
    loaded_at: int = Field(
        description="When this process began to serve the set, in epoch milliseconds.",
        json_schema_extra={"format": "int64"},
    )
    last_error: str | None = Field(default=None, description="Why the last edited prompt set was refused.")
    prompts: list[PromptInfo]


class PromptParameters(BaseModel):
    """How the model is asked."""

    temperature: float
    max_output_tokens: int
    top_p: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = Field(default=None, json_schema_extra={"format": "int64"})
    stop: list[str]


class PromptVersionDetail(PromptVersionInfo):
    description: str
    changelog: str
    inputs: dict[str, Any] = Field(description="JSON Schema properties; one without a default is required.")
    output: dict[str, Any] | None = Field(default=None, description="The JSON Schema of the answer.")
    parameters: PromptParameters
    uses: dict[str, str] = Field(description="The helper prompts that it pins, as NAME@VERSION.")


class PromptDetail(BaseModel):
    name: str
    labels: list[PromptLabel]
    versions: list[PromptVersionDetail] = Field(description="The lowest version first.")


class RenderRequest(ClosedModel):
    inputs: dict[str, Any] = Field(description="The prompt's inputs; what has a default may be left out.")
    version: str | None = Field(default=None, min_length=1, max_length=100, description="The version to render.")
    label: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="The label whose version to render; else it is production.",
    )

    @model_validator(mode="after")
    def _one_choice(self) -> "RenderRequest":
        if self.version is not None and self.label is not None:
            raise PydanticCustomError("version_and_label", "Send either version or label, not both")
        return self


class Role(str, Enum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class PromptMessage(BaseModel):
    role: Role
    content: str


class RenderResponse(BaseModel):
    messages: list[PromptMessage] = Field(description="What a model would read.")
    tokens: int | None = Field(
        default=None,
        description="The tokens of the whole prompt; absent where no backend of the prompt's route can count them.",
    )
    prompt: PromptIdentity


@cache
def response_model(task: Task[Any, Any]) -> type[BaseModel]:
    """The task's output with `meta` beside it, named for the API document: `SummarizeResponse`."""
    name = "".join(part.capitalize() for part in task.name.split("_")) + "Response"
    fields: dict[str, Any] = {"meta": (Meta, ...)}
    if issubclass(task.input, TextInput):
        about = "The text that was taken from the document, where `include_document_text` asks for it."
        fields["document_text"] = (str | None, Field(default=None, description=about))
        about = (
            "How many pages of the document hold no text, where there are any: they are blank, scanned or drawn, and "
            "the task has not seen what is on them."
        )
        fields["document_pages_without_text"] = (int | None, Field(default=None, description=about))
    return create_model(name, __base__=task.output, __module__=__name__, **fields)


def to_response(task: Task[Any, Any], result: TaskResult[Any], request_id: str) -> bytes:
    """The response body. Absent fields are left out."""
    meta = Meta(
        request_id=request_id,
        prompt=result.prompt,
        backend=result.backend,
        model=result.model,
        usage=result.usage,
        cache=result.cache,
        timing=result.timing,
        attempts=list(result.attempts) or None,
    )
    fields = {**dict(result.output), "meta": meta}
    if issubclass(task.input, TextInput):
        fields["document_text"] = result.document_text
        fields["document_pages_without_text"] = result.document_pages_without_text
    response = response_model(task).model_construct(**fields)
    return response.model_dump_json(exclude_none=True).encode()
