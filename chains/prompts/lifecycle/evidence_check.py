"""Whether a version's evidence allows a promotion now: it must be about this text, compared with what is served now,
on the model that would answer, over the dataset as it is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from chains.errors import ConfigurationError, Reason
from chains.prompts.labels import PRODUCTION
from chains.prompts.lifecycle.evidence import EvidenceRecord, Verdict
from chains.prompts.version import PromptVersion

__all__ = ["Current", "FindCurrent", "evidence_reasons", "inconclusive_reasons"]

_AGAIN = "evaluate it again with copydesk eval gate: the record keeps its promotions (docs/evaluate.md)"
_FIRST = (
    "evaluate it with copydesk eval gate (docs/evaluate.md); --initial is for a label that serves nothing yet, "
    "--force REASON overrules"
)


@dataclass(frozen=True, slots=True)
class Current:
    """What an evaluation would run on now: the model of the prompt's route, and its dataset."""

    backend_kind: str
    model: str
    model_digest: str
    dataset_digest: str


FindCurrent = Callable[[], Current]
"""Reads the model and the dataset, which takes a while. Raises ConfigurationError where one of them is absent."""


def evidence_reasons(
    record: EvidenceRecord | None, prompt: PromptVersion, production: PromptVersion | None, find_current: FindCurrent
) -> list[Reason]:
    """What forbids a promotion on this record; nothing where it proves that the version is no worse than `production`,
    the version that production serves now. `find_current` is asked only where there are results to compare."""
    if record is None:
        return [Reason("record", f"there is no evidence for {prompt}", _FIRST)]
    reasons = list(_other_text(record, prompt))
    if record.verdict is Verdict.UNEVALUATED:
        return [*reasons, Reason("verdict", f"the evidence says that {prompt} was never evaluated", _FIRST)]
    reasons += _other_baseline(record, production)
    try:
        reasons += _other_circumstances(record, find_current())
    except ConfigurationError as error:
        told = "; ".join(error.problems)
        remedy = "promote where the configured model and the dataset are, or see --config and --datasets"
        reasons.append(Reason("current", f"can't tell which model and dataset are current: {told}", remedy))
    if record.verdict is Verdict.REGRESSED:
        worse = ", ".join(metric.name for metric in record.metrics if metric.verdict is Verdict.REGRESSED)
        message = f"the verdict is REGRESSED{f', by {worse}' if worse else ''}"
        reasons.append(Reason("verdict", message, "make it better, as a new version"))
    if record.verdict is Verdict.INCONCLUSIVE:
        remedy = "add cases to the dataset and evaluate it again, or --accept-inconclusive REASON"
        reasons.append(Reason("verdict", "the verdict is INCONCLUSIVE: too few cases to tell", remedy))
    return reasons


def inconclusive_reasons(record: EvidenceRecord | None) -> list[Reason]:
    """What forbids that an inconclusive verdict be accepted: another verdict, or a metric whose difference as measured
    is a loss of its margin or more."""
    if record is None or record.verdict is not Verdict.INCONCLUSIVE:
        found = "there is no record" if record is None else f"the verdict is {record.verdict.value}"
        remedy = "leave --accept-inconclusive out"
        return [Reason("accept", f"only an INCONCLUSIVE verdict can be accepted, but {found}", remedy)]
    return [
        Reason(
            "accept",
            f"{metric.name} changed by {metric.difference:+g}, and only more than {-metric.margin:g} can be accepted",
            "make it better, as a new version; or add cases to the dataset and evaluate it again",
        )
        for metric in record.metrics
        if metric.difference <= -metric.margin
    ]


def _other_text(record: EvidenceRecord, prompt: PromptVersion) -> Iterator[Reason]:
    if record.digest != prompt.digest:
        message = f"the evidence is about another text: its digest is {record.digest}, that of {prompt} {prompt.digest}"
        yield Reason("digest", message, _AGAIN)


def _other_baseline(record: EvidenceRecord, production: PromptVersion | None) -> Iterator[Reason]:
    assert record.baseline is not None
    compared = f"{record.name}@{record.baseline.version}"
    if production is None:
        message = f"the evidence compares with {compared}, but {PRODUCTION} serves nothing"
        yield Reason("baseline", message, "--initial, where the label serves nothing yet")
    elif record.baseline.version != production.version:
        message = f"the evidence compares with {compared}, but {PRODUCTION} serves {production}"
        yield Reason("baseline", message, f"compare with {production}: {_AGAIN}")
    elif record.baseline.digest != production.digest:
        message = (
            f"the evidence compares with {compared} at the digest {record.baseline.digest}, but {PRODUCTION} serves "
            f"{production.digest}"
        )
        yield Reason("baseline", message, _AGAIN)


def _other_circumstances(record: EvidenceRecord, current: Current) -> Iterator[Reason]:
    was, now = (record.backend_kind, record.model), (current.backend_kind, current.model)
    if was != now:
        message = f"the evidence is from {record.model} ({record.backend_kind}), but {current.model} "
        message += f"({current.backend_kind}) would answer"
        yield Reason("model", message, f"{_AGAIN}, or name the right configuration with --config")
    elif record.model_digest != current.model_digest:
        message = f"the evidence is from another {record.model}: its digest is {record.model_digest}, that of the "
        message += f"configured one {current.model_digest}"
        yield Reason("model", message, f"{_AGAIN}, or name the right configuration with --config")
    if record.dataset_digest != current.dataset_digest:
        message = f"the dataset has changed: its digest was {record.dataset_digest}, and is {current.dataset_digest}"
        yield Reason("dataset", message, f"{_AGAIN}, or name the right folder with --datasets")
