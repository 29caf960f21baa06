"""What came out of a case: one outcome for each variant, case and repeat. Run files are made of these."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from chains.result import Usage

__all__ = ["Failure", "Outcome", "Source", "Variant"]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(str, Enum):
    """Whence an answer came: a model that was asked now, or a recording; times and costs of the latter were measured
    when it was made."""

    MEASURED = "measured"
    RECORDED = "recorded"


class Variant(_Closed):
    """One column of the matrix: what a case is run on. `name` tells it apart from the suite's other variants;
    `parameters` are those that replace the prompt's own; `kind`, `model` and `model_digest` are the backend's identity
    (`chains.backends.configuration.ModelIdentity`)."""

    name: str
    task: str
    version: str
    digest: str
    backend: str
    kind: str
    model: str
    model_digest: str
    parameters: Mapping[str, JsonValue] = Field(default_factory=dict)


class Failure(_Closed):
    """An error in place of an output: its code of the closed list, and its words."""

    code: str
    message: str


class Outcome(_Closed):
    """What became of one case. Either `output`, the task's output as JSON, or `error`.

    Times are milliseconds, `cost_nano_usd` billionths of a US dollar (None: the backend has no price); `recordings`
    are the keys of the recordings that were used or made.
    """

    variant: str
    case: str
    repeat: int = Field(default=0, ge=0)
    output: Mapping[str, JsonValue] | None = None
    error: Failure | None = None
    usage: Usage = Usage()
    model_ms: int = 0
    total_ms: int = 0
    cost_nano_usd: int | None = None
    source: Source = Source.MEASURED
    recordings: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[str, str, int]:
        """What tells it apart in its run file: variant, case and repeat."""
        return self.variant, self.case, self.repeat

    def text(self) -> str:
        """The output as a reader sees it: its text, its labels or entities, or the error's code."""
        if self.output is None:
            return f"[{self.error.code}]" if self.error else ""
        return _shown(self.output)


def _shown(output: Mapping[str, Any]) -> str:
    for name in ("summary", "text"):
        if isinstance(output.get(name), str):
            return str(output[name])
    if "labels" in output:
        return ", ".join(str(label["name"]) for label in output["labels"])
    if "entities" in output:
        return "; ".join(f"{entity['text']} ({entity['type']})" for entity in output["entities"])
    return "; ".join(f"{name}: {value}" for name, value in output.items())
