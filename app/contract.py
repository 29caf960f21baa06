"""The shapes that only the HTTP contract has: what stands around a task's output."""

from enum import Enum
from functools import cache
from typing import Any

from pydantic import BaseModel, Field, create_model, model_validator
from pydantic_core import PydanticCustomError

from chains.result import Attempt, Bill, CacheState, PromptIdentity, TaskResult, Timing, Usage
from chains.task import ClosedModel, Task, TextInput

__all__ = [
    "BackendState",
    "Delta",
    "Health",
    "Meta",
    "MetaUsage",
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
    "meta_usage",
    "response_model",
    "to_response",
]


class MetaUsage(BaseModel):
    """What the request cost: tokens as the model server counted them, summed over all its calls; and estimates."""

    input_tokens: int = Field(description="Tokens of the prompts.")
    cached_input_tokens: int = Field(description="Those of the input tokens that the model server had read before.")
    output_tokens: int = Field(description="Tokens of the answers.")
    model_calls: int = Field(description="How often a model was asked.")
    cost_usd: float | None = Field(
        default=None, description="By the service's price list; absent where it has no price for the backend."
    )
    energy_wh: float | None = Field(default=None, description="An estimate of the electricity, in watt-hours.")
    water_ml: float | None = Field(default=None, description="An estimate of the water, in millilitres.")
    footprint_method: str | None = Field(
        default=None,
        description="How energy and water were estimated: `tokens:` and the model's size, or `watts:` and the host's "
        "power. /v1/usage tells how far off that may be.",
    )


class Meta(BaseModel):
    """Who answered, at what cost, in what time."""

    request_id: str = Field(description="The name of the request, as the header X-Request-Id has it.")
    prompt: PromptIdentity
    backend: str = Field(description="The backend that answered, by its name in the configuration.")
    model: str = Field(description="The model that answered, as its server calls it.")
    usage: MetaUsage
    cache: CacheState = Field(
        description="`miss`: generated for this request; `shared`: with an identical one in flight, which pays for it; "
        "`hit`: kept from an earlier one."
    )
    timing: Timing
    attempts: list[Attempt] | None = Field(default=None, description="Calls that failed before this answer came.")


class Delta(BaseModel):
    """A piece of a text that is being written."""

    text: str = Field(description="The next characters.")


class TaskInfo(BaseModel):
    """A task, and by what it is served."""

    name: str = Field(description="The task's name, as in the path of its operations.")
    summary: str = Field(description="What it does.")
    prompt: PromptIdentity
    backends: list[str] = Field(description="The backends that serve the task, in the order in which they are tried.")


class TaskList(BaseModel):
    """All tasks of the service."""

    tasks: list[TaskInfo] = Field(description="The tasks by their names.")


class Health(BaseModel):
    """That the process answers."""

    status: str = Field(description="`ok` whenever the process answers.")


class BackendState(BaseModel):
    """Whether a backend can be used."""

    name: str = Field(description="Its name in the configuration.")
    ready: bool = Field(description="Whether it can be used now.")
    warming: bool | None = Field(default=None, description="Present and true while its model is being loaded.")
    code: str | None = Field(default=None, description="The error of the last probe, or of loading the model.")


class PromptState(BaseModel):
    """Which prompts are served."""

    digest: str = Field(description="The digest of the prompt set that is served.")
    last_error: str | None = Field(
        default=None,
        description="Where the last edited prompt set, which was refused, is wrong; GET /v1/prompts says what is.",
    )


class Readiness(BaseModel):
    """Whether every task can be served."""

    status: str = Field(description="`ready`: every task has a usable backend; else `unready`, or `stopping`.")
    prompts: PromptState
    backends: list[BackendState] = Field(description="The state of each backend.")


class VersionStatus(str, Enum):
    """Whether a version may still change."""

    RELEASED = "released"
    DRAFT = "draft"


class PromptLabel(BaseModel):
    """A label, and the version that it stands on."""

    label: str = Field(description="`production` serves whoever names nothing, `canary` a share of them.")
    version: str = Field(description="The version that the label stands on.")
    percent: float | None = Field(default=None, description="The canary's share of production's requests.")


class PromptVersionInfo(BaseModel):
    """A version of a prompt."""

    version: str = Field(description="Its semantic version: 1.2.0.")
    digest: str = Field(description="`sha256:` and 64 hex digits over all that shapes the messages.")
    status: VersionStatus = Field(description="A released version never changes; a draft may.")


class PromptInfo(BaseModel):
    """A prompt with its labels and versions."""

    name: str = Field(description="The prompt's name.")
    description: str = Field(description="That of the version in production, else of the newest.")
    labels: list[PromptLabel] = Field(description="Where its labels stand.")
    versions: list[PromptVersionInfo] = Field(description="The lowest version first.")


class PromptList(BaseModel):
    """All prompts that are served."""

    digest: str = Field(description="The digest of the whole set: it changes with any version, release or label.")
    loaded_at: int = Field(
        description="When this process began to serve the set, in epoch milliseconds.",
        json_schema_extra={"format": "int64"},
    )
    last_error: str | None = Field(default=None, description="Why the last edited prompt set was refused.")
    prompts: list[PromptInfo] = Field(description="The prompts by their names.")


class PromptParameters(BaseModel):
    """How the model is asked."""

    temperature: float = Field(description="0 takes the likeliest token each time; higher is freer.")
    max_output_tokens: int = Field(description="The most tokens that an answer may have.")
    top_p: float | None = Field(
        default=None, description="Only the likeliest tokens that together have this share are drawn from."
    )
    frequency_penalty: float | None = Field(default=None, description="How much what was already written is avoided.")
    seed: int | None = Field(
        default=None,
        json_schema_extra={"format": "int64"},
        description="What makes the same request get the same answer, where the backend can.",
    )
    stop: list[str] = Field(description="What ends an answer as soon as it is written.")


class PromptVersionDetail(PromptVersionInfo):
    """All about a version of a prompt but its text."""

    description: str = Field(description="What the prompt is for.")
    changelog: str = Field(description="What has changed since the version before.")
    inputs: dict[str, Any] = Field(description="JSON Schema properties; one without a default is required.")
    output: dict[str, Any] | None = Field(default=None, description="The JSON Schema of the answer.")
    parameters: PromptParameters
    uses: dict[str, str] = Field(description="The helper prompts that it pins, as NAME@VERSION.")


class PromptDetail(BaseModel):
    """All versions of a prompt."""

    name: str = Field(description="The prompt's name.")
    labels: list[PromptLabel] = Field(description="Where its labels stand.")
    versions: list[PromptVersionDetail] = Field(description="The lowest version first.")


class RenderRequest(ClosedModel):
    """What a prompt is rendered with."""

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
    """Who speaks in a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class PromptMessage(BaseModel):
    """A message of a rendered prompt."""

    role: Role
    content: str = Field(description="Its text.")


class RenderResponse(BaseModel):
    """A rendered prompt."""

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
    return create_model(name, __doc__=task.output.__doc__, __base__=task.output, __module__=__name__, **fields)


def meta_usage(counted: Usage, bill: Bill | None) -> MetaUsage:
    """What was counted and reckoned, in the units of the contract."""
    usage = MetaUsage(
        input_tokens=counted.input_tokens,
        cached_input_tokens=counted.cached_input_tokens,
        output_tokens=counted.output_tokens,
        model_calls=counted.model_calls,
    )
    if bill is not None:
        usage.cost_usd = None if bill.cost_nano_usd is None else bill.cost_nano_usd / 1e9
        usage.energy_wh, usage.water_ml = bill.energy_uwh / 1e6, bill.water_ul / 1e3
        usage.footprint_method = bill.method
    return usage


def to_response(task: Task[Any, Any], result: TaskResult[Any], request_id: str) -> bytes:
    """The response body. Absent fields are left out."""
    meta = Meta(
        request_id=request_id,
        prompt=result.prompt,
        backend=result.backend,
        model=result.model,
        usage=meta_usage(result.usage, result.bill),
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
