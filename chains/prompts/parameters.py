"""What a prompt's front matter may hold."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Case", "Example", "FrontMatter", "ModelParameters"]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelParameters(_Closed):
    """How the model is asked. `max_output_tokens` caps the answer; a temperature of 0 means the likeliest one;
    `frequency_penalty` keeps small models from running in circles."""

    temperature: float = Field(default=0, ge=0, le=2, strict=True)
    max_output_tokens: int = Field(default=512, ge=1, le=32_768, strict=True)
    top_p: float | None = Field(default=None, gt=0, le=1, strict=True)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2, strict=True)
    seed: int | None = Field(default=None, ge=0, le=2**63 - 1, strict=True)
    stop: tuple[str, ...] = Field(default=(), max_length=8)


class FrontMatter(_Closed):
    """`inputs` are JSON Schema properties; one without a default is required. `output` is a schema, or the name
    of a file under schemas/. `examples` names a file of few-shot examples. `uses` pins helper prompts."""

    description: str = Field(min_length=1)
    changelog: str = Field(min_length=1)
    inputs: dict[str, dict[str, Any]]
    output: dict[str, Any] | str | None = None
    model: ModelParameters = ModelParameters()
    examples: str | None = None
    uses: dict[str, str] = {}


class Example(_Closed):
    """One few-shot example: the inputs of the user section, and what the model should have answered."""

    inputs: dict[str, Any]
    output: str | dict[str, Any] | list[Any]


class Case(_Closed):
    """One golden input of a prompt."""

    name: str = Field(min_length=1)
    inputs: dict[str, Any]
