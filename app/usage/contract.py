"""The shapes of GET /v1/usage."""

from enum import Enum
from typing import Annotated

from pydantic import BaseModel, Field, WithJsonSchema

__all__ = ["Day", "Estimates", "UsageGroup", "UsageReport", "UsageRow", "UsageSums"]

Day = Annotated[str, WithJsonSchema({"type": "string", "format": "date"})]
"""A day of UTC as ISO 8601 writes it: 2026-11-30."""

Count = Annotated[int, Field(json_schema_extra={"format": "int64"})]


class UsageGroup(str, Enum):
    """By what sums are told apart."""

    DAY = "day"
    KEY = "key"
    TASK = "task"
    PROMPT = "prompt"
    VERSION = "version"
    BACKEND = "backend"
    MODEL = "model"
    CODE = "code"


class UsageSums(BaseModel):
    """Sums over requests. Tokens and calls are as the model servers reported them; energy and water are estimates."""

    requests: Count = Field(description="Each item of a batch or a job is one; with a fallback it is still one.")
    model_calls: Count = Field(description="How often models were asked.")
    unreported_calls: Count = Field(
        description="Those of the calls whose server told no counts, mostly because they broke off: the pieces of text "
        "that came are their output tokens."
    )
    input_tokens: Count = Field(description="Tokens of prompts.")
    cached_input_tokens: Count = Field(description="Those of the input tokens that a server had read before.")
    output_tokens: Count = Field(description="Tokens of answers.")
    cost_usd: float = Field(description="Of the backends that have a price.")
    cost_nano_usd: Count = Field(description="The same in billionths of a US dollar, exactly.")
    energy_wh: float = Field(description="An estimate of the electricity, in watt-hours.")
    water_ml: float = Field(description="An estimate of the water, in millilitres.")


class UsageRow(UsageSums):
    """The sums of one group; it has those of the names by which the report is grouped."""

    day: Day | None = Field(default=None, description="The day of UTC.")
    key: str | None = Field(default=None, description="The key's id, never the key.")
    task: str | None = Field(default=None, description="The task's name.")
    prompt: str | None = Field(default=None, description="The prompt's name.")
    version: str | None = Field(default=None, description="The prompt's version.")
    backend: str | None = Field(default=None, description="Empty where no backend was asked.")
    model: str | None = Field(default=None, description="As its server calls it; empty where none was asked.")
    code: str | None = Field(
        default=None,
        description="`ok`, the code of the error with which the request ended, or `cancelled` where its caller left.",
    )


class Estimates(BaseModel):
    """How far energy and water may be off: by these factors, as docs/footprint.md shows."""

    low_factor: float = Field(description="The truth may be as low as the estimate times this.")
    high_factor: float = Field(description="The truth may be as high as the estimate times this.")
    methods: list[str] = Field(description="How each backend's were estimated, as BACKEND=METHOD, by today's settings.")


class UsageReport(BaseModel):
    """What requests cost on days of UTC, the first and the last included."""

    first_day: Day = Field(description="The first day that was counted.")
    last_day: Day = Field(description="The last day that was counted.")
    group_by: list[UsageGroup] = Field(description="What the rows are grouped by.")
    rows: list[UsageRow] = Field(description="In the order of what they are grouped by.")
    totals: UsageSums
    estimates: Estimates
