"""What a task is: a name, an input model, an output model, and the chain between them.

A new task is one file in `chains/tasks/` that defines `task = Task(...)`, one folder in `prompts/` and one
in `eval/datasets/`. See docs/add-a-task.md.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Annotated, Any, Generic, Protocol, Self, TypeVar

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from chains.capabilities import NO_CAPABILITIES, Capabilities
from chains.parsing.wire import LARGEST_DOCUMENT_BYTES
from chains.terms import Priority

__all__ = [
    "STRING",
    "ClosedModel",
    "Document",
    "MediaType",
    "Name",
    "Parts",
    "Task",
    "TaskInput",
    "TaskOutput",
    "Text",
    "TextInput",
    "Value",
    "unique_names",
]


_MOST_FIELDS = 100


def _not_blank(value: str) -> str:
    if not value.strip():
        raise PydanticCustomError("text_blank", "The text is empty or holds only whitespace; send some text")
    return value


STRING: Mapping[str, Any] = MappingProxyType({"type": "string"})
"""The schema of an input that a task supplies as any text."""

Text = Annotated[str, AfterValidator(_not_blank)]
"""A caller's text: any Unicode text with at least one character that isn't whitespace. Never altered."""

Name = Annotated[str, Field(max_length=200), AfterValidator(_not_blank)]
"""The name of a label or an entity type: 1 to 200 characters, not only whitespace."""


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Named = TypeVar("Named", bound=_Named)


def unique_names(named: tuple[Named, ...]) -> tuple[Named, ...]:
    """A pydantic validator: refuses a list of named things in which a name stands twice."""
    names = [item.name for item in named]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise PydanticCustomError(
            "names_repeated", "Each name may stand once; repeated: {names}", {"names": ", ".join(repeated)}
        )
    return named


class Value(BaseModel):
    """An immutable value of the contract. What a task gives back may gain fields, so it is not closed."""

    model_config = ConfigDict(frozen=True)


class ClosedModel(Value):
    """A value that a caller sends: closed, so that a misspelt field is an error and not ignored."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _few_fields(cls, value: Any) -> Any:
        """Each misspelt field is an error of its own; a hundred thousand would take a second to tell."""
        if isinstance(value, Mapping) and len(value) > _MOST_FIELDS:
            raise PydanticCustomError(
                "too_many_fields",
                "There are {count} fields here; /openapi.json lists those there are",
                {"count": len(value)},
            )
        return value


class TaskInput(ClosedModel):
    """The base of every task's input, with the fields that all tasks share."""

    prompt: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="The version (1.2.0) or the label (canary) of the prompt that is to answer; else production does.",
        json_schema_extra={"example": "production"},
    )
    session: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Any name of a conversation: all its requests get the same side of a canary.",
        json_schema_extra={"example": "conversation-17"},
    )
    backend: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="The backend that is to answer, and no other; else the task's route decides.",
    )
    priority: Priority = Field(default=Priority.NORMAL, description="Who goes first where requests have to wait.")
    bypass_cache: StrictBool = Field(
        default=False,
        description="Whether the answer must be generated for this request alone: neither kept from before, nor "
        "shared with an identical request.",
    )
    deadline_ms: StrictInt | None = Field(
        default=None,
        ge=1,
        le=3_600_000,
        description="The answer is of no use after this many milliseconds: generation stops and the request fails.",
    )


class MediaType(str, Enum):
    """What a document is."""

    PDF = "application/pdf"
    HTML = "text/html"
    MARKDOWN = "text/markdown"
    PLAIN = "text/plain"


class Document(ClosedModel):
    """A file instead of a text."""

    media_type: MediaType
    data_base64: str = Field(
        min_length=1,
        max_length=-(-LARGEST_DOCUMENT_BYTES // 3) * 4,
        description="The file, in Base64 (RFC 4648, section 4).",
        json_schema_extra={"format": "byte"},
    )


class TextInput(TaskInput):
    """The base of the input of tasks that read a text. Before a chain runs, a document has become the text."""

    text: Text | None = Field(default=None, description="The text. Send either text or document.")
    document: Document | None = Field(default=None, description="A file whose text is taken instead of `text`.")
    include_document_text: StrictBool = Field(
        default=False,
        description="Whether `document_text` of the response holds the text that was taken from the document; offsets "
        "refer to it.",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.text is None) == (self.document is None):
            raise PydanticCustomError("text_or_document", "Send either text or document: one of them, not both")
        return self

    @property
    def source(self) -> str:
        """The text that the task reads."""
        assert self.text is not None, "a document is read before its chain runs"
        return self.text


class TaskOutput(Value):
    """The base of every task's output."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a chain is composed from; fixed for one prompt version on one backend.

    prompt        renders the inputs that the task supplies to messages
    model         the backend's chat model
    parameters    call keywords from the prompt's front matter (`temperature`, `max_tokens`, ...)
    capabilities  what the backend can do beyond answers
    helpers       the same for each helper prompt that the version pins under `uses`, by its name there
    """

    prompt: Runnable[dict[str, Any], PromptValue]
    model: Runnable[LanguageModelInput, AIMessage]
    parameters: Mapping[str, Any]
    capabilities: Capabilities = NO_CAPABILITIES
    helpers: Mapping[str, "Parts"] = field(default_factory=dict)


In = TypeVar("In", bound=TaskInput)
Out = TypeVar("Out", bound=TaskOutput)


@dataclass(frozen=True, eq=False)
class Task(Generic[In, Out]):
    """One task.

    name      the path segment, the prompt's folder and the dataset's folder: `summarize`
    summary   one line for people: the OpenAPI document and `GET /v1/tasks` show it
    promise   what callers may rely on, in a few sentences for the OpenAPI document
    input     what a caller sends
    output    what a caller gets back; the service adds `meta`
    supplies  the inputs that the chain gives to its prompt, each with the JSON Schema of all its possible values;
              a prompt that wants more, or refuses some of them, is refused
    compose   builds the chain, once for each prompt version and backend
    stream    builds the chain that gives its output out while it is written, where the task can: pieces of text, and
              at last the output, whose text is these pieces joined
    answer    the JSON Schema of all answers that the chain can read, where its prompts may declare one of their
              own; a prompt that yields something else is refused
    helpers   the helper prompts that the chain can make use of, by their names under `uses`, each with what it
              supplies to them; a prompt may pin any of them, and no others
    example   a request, as the API document shows it and /docs sends it
    """

    name: str
    summary: str
    input: type[In]
    output: type[Out]
    supplies: Mapping[str, Mapping[str, Any]]
    compose: Callable[[Parts], Runnable[In, Out]]
    stream: Callable[[Parts], Callable[[In], AsyncGenerator[str | Out, None]]] | None = None
    answer: Mapping[str, Any] | None = None
    helpers: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    example: Mapping[str, Any] = field(default_factory=dict)
    promise: str = ""

    @property
    def main_field(self) -> str:
        """The field of the input that holds its text: `text`, or else the first that is required."""
        fields = self.input.model_fields
        return next(name for name, info in fields.items() if name == "text" or info.is_required())
