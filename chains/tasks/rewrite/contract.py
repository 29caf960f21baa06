"""What a caller of rewrite sends and gets."""

from collections.abc import Collection, Mapping
from enum import Enum
from types import MappingProxyType

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from chains.task import TaskOutput, TextInput, Value
from chains.text.facts import FactKind

__all__ = ["LostFact", "Preserved", "RewriteOutput", "RewriteRequest", "RewriteStyle"]


class RewriteStyle(str, Enum):
    """How a rewritten text reads."""

    FORMAL = "formal"
    FRIENDLY = "friendly"
    PLAIN_LANGUAGE = "plain_language"
    CONCISE = "concise"
    CLEAN_TRANSCRIPT = "clean_transcript"
    NEUTRAL = "neutral"


class Preserved(str, Enum):
    """What must still be there after a rewriting."""

    NUMBERS = "numbers"
    DATES = "dates"
    NAMES = "names"
    URLS = "urls"
    CODE = "code"
    PLACEHOLDERS = "placeholders"


_KINDS: Mapping[Preserved, FactKind] = MappingProxyType(
    {
        Preserved.NUMBERS: FactKind.NUMBER,
        Preserved.DATES: FactKind.DATE,
        Preserved.NAMES: FactKind.NAME,
        Preserved.URLS: FactKind.URL,
        Preserved.CODE: FactKind.CODE,
        Preserved.PLACEHOLDERS: FactKind.PLACEHOLDER,
    }
)


class RewriteRequest(TextInput):
    """A text and how it is to be rewritten."""

    style: RewriteStyle | None = Field(default=None, description="The new style. Give a style, an instruction or both.")
    instruction: str | None = Field(default=None, max_length=1000, description="What to change, in your own words.")
    audience: str | None = Field(default=None, max_length=200, description="Who will read it.")
    preserve: tuple[Preserved, ...] | None = Field(
        default=None,
        max_length=len(Preserved),
        description="What must still be there: what of it the model leaves out is asked for once more, and then listed "
        "in `lost`. Without this field everything is preserved and listed; only in a clean transcript numbers, dates "
        "and names aren't asked for again, because a speaker who corrects a slip of the tongue drops them rightly.",
    )

    @model_validator(mode="after")
    def _some_wish(self) -> "RewriteRequest":
        if self.style is None and not (self.instruction or "").strip():
            raise PydanticCustomError("style_or_instruction_missing", "Give a style or an instruction, or both")
        return self

    @property
    def watched(self) -> Collection[FactKind]:
        """The kinds of facts whose loss is told."""
        return frozenset(_KINDS.values() if self.preserve is None else (_KINDS[kind] for kind in self.preserve))

    @property
    def insisted(self) -> Collection[FactKind]:
        """The kinds of facts that are asked for again where they got lost."""
        if self.preserve is None and self.style is RewriteStyle.CLEAN_TRANSCRIPT:
            return frozenset({FactKind.URL, FactKind.CODE, FactKind.PLACEHOLDER})
        return self.watched


class LostFact(Value):
    """A fact of the source, as it stands there, that the rewritten text doesn't hold."""

    text: str = Field(description="It, as it stands in the source.")
    kind: FactKind


class RewriteOutput(TaskOutput):
    """The rewritten text, and what it lost."""

    text: str = Field(description="The rewritten text.")
    lost: tuple[LostFact, ...] = Field(
        default=(),
        description="What had to be preserved and isn't there, in the order of the source: each fact once, compared by "
        "its meaning (1,000 is 1000, 3 May is 05-03). Names are what capital letters tell for certain.",
    )
