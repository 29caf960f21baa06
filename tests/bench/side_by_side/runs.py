"""Runs, made up."""

from collections.abc import Mapping, Sequence

from bench.side_by_side.results import Aim, Machine, Run, Section, row

MACHINE = Machine(processor="A processor", cores=2, memory_gib=8, kernel="6.1", python="3.11.7", load=0.1)


def section(
    key: str = "overhead",
    *,
    rates: Mapping[str, Sequence[float]],
    metric: str = "rate",
    case: str = "at once, 16",
    aims: Sequence[Aim] = (),
) -> Section:
    """With one metric of one case, of each subject."""
    rows = [row(key, subject, case, metric, "requests/s", rounds) for subject, rounds in rates.items()]
    command = f'make bench ARGS="--only {key}"'
    return Section(key=key, title=key.capitalize(), method="How.", command=command, rows=rows, aims=list(aims))


def run(*sections: Section, missing: Mapping[str, str] | None = None, versions: Mapping[str, str] | None = None) -> Run:
    return Run(
        machine=MACHINE,
        versions=dict(versions or {"copydesk": "1.0.0", "mlflow": "3.0.0"}),
        missing=dict(missing or {}),
        started="2026-01-01T00:00:00+00:00",
        seconds=600,
        quick=False,
        sections=list(sections),
    )
