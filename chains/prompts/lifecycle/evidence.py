"""`evidence/NAME/VERSION.json`: why a version was allowed to serve.

An evaluation writes the record; `copydesk prompts promote` compares it with what would be served, and adds to it
when, how and why the version was promoted. A version that was promoted without an evaluation has a record too,
which says so.
"""

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from chains.errors import PromptError
from chains.prompts.lock import write_text
from chains.prompts.source import check_within, exists, listed, read_text

__all__ = [
    "Baseline",
    "Basis",
    "EvidenceRecord",
    "Metric",
    "Promotion",
    "Verdict",
    "evidence_path",
    "has_served",
    "read_evidence",
    "write_evidence",
]

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Verdict(str, Enum):
    """What the evaluation found. UNEVALUATED: there was none."""

    PASS = "PASS"  # noqa: S105
    REGRESSED = "REGRESSED"
    INCONCLUSIVE = "INCONCLUSIVE"
    UNEVALUATED = "UNEVALUATED"


class Baseline(_Closed):
    """The version that the evaluation compared with."""

    version: str
    digest: Digest


class Metric(_Closed):
    """One gated metric, paired by case. `difference` is candidate minus baseline, higher is better; `lower` and
    `upper` are the ends of its interval, `margin` is the loss that still counts as no worse."""

    name: str
    cases: int = Field(ge=1)
    baseline: float
    candidate: float
    difference: float
    lower: float
    upper: float
    margin: float = Field(ge=0)
    verdict: Literal[Verdict.PASS, Verdict.REGRESSED, Verdict.INCONCLUSIVE]

    @model_validator(mode="after")
    def _consistent(self) -> "Metric":
        if not self.lower <= self.difference <= self.upper:
            raise ValueError(f"{self.name}: the difference lies outside lower and upper")
        if self.verdict is Verdict.PASS and self.lower <= -self.margin:
            raise ValueError(f"{self.name}: PASS needs a lower above -margin, {-self.margin:g}, not {self.lower:g}")
        if self.verdict is Verdict.REGRESSED and self.upper >= 0:
            raise ValueError(f"{self.name}: REGRESSED needs an upper below 0, not {self.upper:g}")
        return self


class Basis(str, Enum):
    """On what a promotion was based."""

    EVIDENCE = "evidence"
    INITIAL = "initial"
    ACCEPTED_INCONCLUSIVE = "accepted_inconclusive"
    FORCED = "forced"


class Promotion(_Closed):
    """One promotion of the version. `previous` is what the label served before: a version, none for a new label;
    `reason` is the author's, `overruled` what stood against it where it was forced. One that was rolled back says
    when, and is history: the next rollback doesn't count it."""

    label: str
    percent: float | None = None
    previous: str | None = None
    previous_percent: float | None = None
    basis: Basis
    reason: str | None = None
    overruled: tuple[str, ...] = ()
    promoted_at: AwareDatetime
    rolled_back_at: AwareDatetime | None = None
    rollback_reason: str | None = None


class EvidenceRecord(_Closed):
    """The evidence for one version: what was compared, on which model and dataset, and what came out.

    All fields but name, version, digest, created_at and promotions are absent exactly where the verdict is
    UNEVALUATED.
    """

    name: str
    version: str
    digest: Digest
    baseline: Baseline | None = None
    backend_kind: str | None = None
    model: str | None = None
    model_digest: Digest | None = None
    suite: str | None = None
    dataset_digest: Digest | None = None
    metrics: Annotated[tuple[Metric, ...], FailFast()] = ()
    verdict: Verdict
    created_at: AwareDatetime
    promotions: Annotated[tuple[Promotion, ...], FailFast()] = ()

    @model_validator(mode="after")
    def _complete(self) -> "EvidenceRecord":
        needed = ("baseline", "backend_kind", "model", "model_digest", "suite", "dataset_digest", "metrics")
        absent = [name for name in needed if not getattr(self, name)]
        if self.verdict is not Verdict.UNEVALUATED and absent:
            raise ValueError(f"a record with the verdict {self.verdict.value} needs {', '.join(absent)}")
        if self.verdict is Verdict.UNEVALUATED and len(absent) < len(needed):
            raise ValueError("a record with the verdict UNEVALUATED has no results of an evaluation")
        failed = [metric.name for metric in self.metrics if metric.verdict is not Verdict.PASS]
        if self.verdict is Verdict.PASS and failed:
            raise ValueError(f"a record with the verdict PASS needs every metric to pass, but {failed[0]} doesn't")
        return self

    def with_promotions(self, promotions: Sequence[Promotion]) -> "EvidenceRecord":
        """The same record with these promotions."""
        return self.model_copy(update={"promotions": tuple(promotions)})


def evidence_path(folder: Path, name: str, version: str) -> Path:
    return folder / "evidence" / name / f"{version}.json"


def read_evidence(folder: Path, name: str, version: str) -> EvidenceRecord | None:
    """The record of a version, or None where there is none. Raises PromptError for one that can't be read."""
    path = evidence_path(folder, name, version)
    if not exists(path):
        return None
    check_within(folder, path)
    try:
        record = EvidenceRecord.model_validate_json(read_text(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        message = f"{place}: {first['msg']}".removeprefix(": ")
        raise PromptError(message, path=path, rule="evidence", hint="docs/write-a-prompt.md shows a record") from error
    if (record.name, record.version) != (name, version):
        raise PromptError(f"is the record of {record.name}@{record.version}", path=path, rule="evidence")
    return record


def has_served(folder: Path, name: str, label: str) -> bool:
    """Whether the records of a prompt show that the label served one of its versions, by a promotion that wasn't
    rolled back. Raises PromptError for a record that can't be read."""
    paths = [path for path in listed(folder / "evidence" / name) if path.suffix == ".json"]
    records = (read_evidence(folder, name, path.stem) for path in paths)
    promotions = (promotion for record in records if record for promotion in record.promotions)
    return any(p.label == label and p.rolled_back_at is None for p in promotions)


def write_evidence(folder: Path, record: EvidenceRecord) -> None:
    """Replace the record as a whole. Raises PromptError."""
    path = evidence_path(folder, record.name, record.version)
    write_text(path, record.model_dump_json(indent=2, exclude_defaults=True) + "\n")
