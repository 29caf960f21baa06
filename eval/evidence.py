"""From a report to the record that promotion asks for."""

from collections.abc import Sequence
from pathlib import Path

from chains.errors import ConfigurationError
from chains.prompts.lifecycle.evidence import (
    Baseline,
    EvidenceRecord,
    Metric,
    evidence_path,
    read_evidence,
    write_evidence,
)
from chains.prompts.lifecycle.evidence_check import Current
from chains.prompts.lifecycle.steps import writing
from eval.outcomes import Variant
from eval.report import Comparison, MetricComparison, Report

__all__ = ["evidence_problems", "record_of", "record_verdict"]


def record_verdict(folder: Path, report: Report, comparison: Comparison) -> Path:
    """Write what the comparison found, whatever it is, into the record of the candidate, which keeps its promotions.

    Returns the record's path. Raises ConfigurationError where the folder is the installed package's, PromptError where
    it can't be written or the record that is there can't be read.
    """
    candidate = _variant(report, comparison.candidate)
    name, version = candidate.task, candidate.version
    with writing(f"write the evidence of {name}@{version}", folder):
        before = read_evidence(folder, name, version)
        record = record_of(report, comparison).with_promotions(before.promotions if before else ())
        write_evidence(folder, record)
    return evidence_path(folder, name, version)


def record_of(report: Report, comparison: Comparison) -> EvidenceRecord:
    """The record of a comparison, without promotions. Raises ConfigurationError where it has no gated metric that is
    defined for some case, or no verdict."""
    baseline, candidate = _variant(report, comparison.baseline), _variant(report, comparison.candidate)
    metrics = tuple(_metric(found) for found in comparison.metrics if found.gated and found.cases)
    if not metrics or report.verdict is None:
        raise ConfigurationError(f"suite {report.suite}: no gated metric is defined for any case, so nothing is proven")
    return EvidenceRecord(
        name=candidate.task,
        version=candidate.version,
        digest=candidate.digest,
        baseline=Baseline(version=baseline.version, digest=baseline.digest),
        backend_kind=candidate.kind,
        model=candidate.model,
        model_digest=candidate.model_digest,
        suite=report.suite,
        dataset_digest=report.datasets[0].digest,
        metrics=metrics,
        verdict=report.verdict,
        created_at=report.created_at,
    )


def evidence_problems(
    report: Report, comparison: Comparison, production: tuple[str, str] | None, current: Current, *, sampled: bool
) -> list[str]:
    """Why promotion could not take this for evidence; nothing where it could. `production` is the version that serves
    now and its digest; `current` what promotion would compare with; `sampled` whether cases were left out."""
    baseline, candidate = _variant(report, comparison.baseline), _variant(report, comparison.candidate)
    problems = []
    if production != (baseline.version, baseline.digest):
        serves = f"{candidate.task}@{production[0]}" if production else "nothing"
        problems.append(f"it compares with {candidate.task}@{baseline.version}, but production serves {serves}")
    problems += _other_model([baseline, candidate], current)
    problems += [
        f"the variant {variant.name} has other parameters than its prompt"
        for variant in (baseline, candidate)
        if variant.parameters
    ]
    names = [dataset.name for dataset in report.datasets]
    if names != [candidate.task]:
        problems.append(f"it is about the datasets {', '.join(names)}, not about {candidate.task} alone")
    elif report.datasets[0].digest != current.dataset_digest:
        problems.append(f"the dataset {candidate.task} is another one than promotion asks for: see its --datasets")
    if sampled:
        problems.append("only a sample of the cases took part")
    return problems


def _other_model(variants: Sequence[Variant], current: Current) -> list[str]:
    wanted = (current.backend_kind, current.model, current.model_digest)
    others = [variant for variant in variants if (variant.kind, variant.model, variant.model_digest) != wanted]
    return [
        f"{variant.name} was asked of {variant.model} ({variant.kind}), but {current.model} ({current.backend_kind}), "
        f"{current.model_digest[:19]}, would answer"
        for variant in others[:1]
    ]


def _metric(found: MetricComparison) -> Metric:
    return Metric(
        name=found.metric,
        cases=found.cases,
        baseline=found.baseline,
        candidate=found.candidate,
        difference=found.difference,
        lower=found.lower,
        upper=found.upper,
        margin=found.margin,
        verdict=found.verdict,
    )


def _variant(report: Report, name: str) -> Variant:
    return next(each.variant for each in report.variants if each.variant.name == name)
