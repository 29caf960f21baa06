"""What stands in a cassette: a header, then recordings, one JSON object a line.

    {"cassette": 1, "kind": "embedded", "model": "SmolLM2", "digest": "sha256:...", "settings": {...}, ...}
    {"operation": "chat", "key": "...", "request": {"task": "summarize", "about": "The council has"},
     "response": {"text": "...", "finish_reason": "stop", "input_tokens": 93, "output_tokens": 21},
     "recorded": {"ms": 812.5, "first_token_ms": 310.2}}

Prompts aren't kept, only their hash: `request` is for whoever reviews the file, and no answer depends on it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

__all__ = [
    "RECORDINGS",
    "Chat",
    "Count",
    "Header",
    "Place",
    "Recorded",
    "Recording",
    "Refusal",
    "Request",
    "ScoreGroup",
    "Scores",
    "Subject",
    "line_of",
    "place_of",
    "says_the_same",
]

FORMAT: Literal[1] = 1
_ABOUT = 80

Key = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Tokens = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose answers they are. `digest` is that of the model's identity, `settings` what else of the backend's
    configuration changes an answer (`BackendConfig.answers_depend_on`)."""

    kind: str
    model: str
    digest: str
    settings: Mapping[str, Any] = field(default_factory=dict)


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Header(_Closed):
    """Whose answers these are. `context_tokens` is what the model said of its context, `scores` and `counts` whether
    it can tell likelihoods and count tokens: chains go by these."""

    cassette: Literal[1] = FORMAT
    kind: str
    model: str
    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    settings: dict[str, JsonValue] = {}
    context_tokens: int | None = None
    scores: bool = False
    counts: bool = False

    @property
    def subject(self) -> Subject:
        return Subject(self.kind, self.model, self.digest, self.settings)


class Request(_Closed):
    """What a reader of the file is told of the request: its task, which repeat it was, and the beginning of the last
    user message; without this one where it was redacted."""

    task: str = ""
    repeat: int = 0
    about: str = ""

    @classmethod
    def of(cls, said: str, task: str, repeat: int = 0) -> "Request":
        plain = " ".join(said[: 8 * _ABOUT].split())[:_ABOUT]
        return cls(task=task, repeat=repeat, about=plain.encode("utf-8", "replace").decode())


class Recorded(_Closed):
    """How long the model took when it was recorded, in milliseconds. Never how long anything takes now."""

    ms: float
    first_token_ms: float | None = None


class _Recording(_Closed):
    """`again` marks a recording that takes the place of an earlier one in the file, until the file is put in order."""

    key: Key
    request: Request = Request()
    recorded: Recorded | None = None
    again: bool = False


class ChatResponse(_Closed):
    """`model` is the name that the server gave itself, where it isn't the header's. Tokens are absent where the server
    told none."""

    text: str
    finish_reason: Literal["stop", "length"]
    model: str | None = None
    input_tokens: Tokens | None = None
    cached_input_tokens: Tokens = 0
    output_tokens: Tokens = 0
    logprobs: tuple[dict[str, Any], ...] = ()


class Chat(_Recording):
    operation: Literal["chat"] = "chat"
    response: ChatResponse


class RefusalResponse(_Closed):
    """The arguments of ContextExceeded."""

    needed: int
    limit: int
    reserved: int
    remedy: str
    estimated: bool = False


class Refusal(_Recording):
    operation: Literal["refusal"] = "refusal"
    response: RefusalResponse


class CountResponse(_Closed):
    tokens: Tokens | None


class Count(_Recording):
    operation: Literal["count_tokens"] = "count_tokens"
    response: CountResponse


class ScoreGroup(_Closed):
    """Continuations that were asked for together, each with its logarithm of likelihood and its tokens, and what the
    question cost."""

    of: dict[str, tuple[float, int]]
    input_tokens: Tokens = 0
    cached_input_tokens: Tokens = 0
    output_tokens: Tokens = 0
    model_calls: int = 0


class ScoresResponse(_Closed):
    groups: tuple[ScoreGroup, ...]

    @property
    def known(self) -> dict[str, tuple[float, int]]:
        """The continuations of all groups."""
        return {text: score for group in self.groups for text, score in group.of.items()}


class Scores(_Recording):
    operation: Literal["scores"] = "scores"
    response: ScoresResponse


Recording = Chat | Refusal | Count | Scores

Place = tuple[str, str, str, int, str]

RECORDINGS: TypeAdapter[Recording] = TypeAdapter(Annotated[Recording, Field(discriminator="operation")])


def line_of(entry: Header | Recording) -> bytes:
    """The line of a cassette, with its end. Raises UnicodeEncodeError for half a character."""
    told = entry.model_dump(mode="json", exclude_defaults=True)
    if isinstance(entry, Header):
        told = {"cassette": FORMAT, **told}
    else:
        names = ("key", "request", "response", "recorded", "again")
        told = {"operation": entry.operation, **{name: told[name] for name in names if name in told}}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def place_of(recording: Recording) -> Place:
    """By what a file is sorted: all that was recorded of one text stands together, so that a reader of a diff sees the
    old answer beside the new one."""
    told = recording.request
    return told.task, told.about, recording.operation, told.repeat, recording.key


def says_the_same(before: Recording, now: Recording) -> bool:
    """Whether a recording tells nothing new: what was in the server's cache, and how long it took, is no answer."""
    if isinstance(before, Scores) and isinstance(now, Scores):
        return now.response.known.items() <= before.response.known.items()
    if isinstance(before, Chat) and isinstance(now, Chat):
        return before.response == now.response.model_copy(
            update={"cached_input_tokens": before.response.cached_input_tokens}
        )
    return before.response == now.response
