"""Every metric of every task: the best value where all is right, the worst where the case failed."""

from collections.abc import Sequence

import pytest

from eval.datasets import Case, load_dataset
from eval.metrics.metric import Kind, Metric
from eval.metrics.table import metrics_of
from tests.conftest import ROOT
from tests.eval.metrics.answers import perfect, scored

TASKS = ("classify", "extract", "generate", "rewrite", "summarize")
METRICS = [pytest.param(task, name, id=f"{task}-{name}") for task in TASKS for name in metrics_of(task)]
# What isn't the best for a perfect answer, and why: a correlation of one case is undefined; a summary is never of no
# length; SARI gives nothing for deletions that aren't to be made; a rewriting that keeps what it must.
NOT_BEST = {"mcc", "compression", "sari"}


@pytest.fixture(scope="module")
def golden() -> dict[str, list[Case]]:
    return {task: load_dataset(ROOT / "eval" / "datasets" / task) for task in TASKS}


@pytest.mark.parametrize(("task", "name"), METRICS)
def test_it_is_described(task: str, name: str) -> None:
    metric = metrics_of(task)[name]
    assert metric.name == name
    assert metric.title
    assert metric.description.endswith(".")
    assert metric.best != metric.worst
    assert (metric.aggregate is not None) is (metric.kind is Kind.COUNTS)
    assert not metric.tasks or task in metric.tasks


@pytest.mark.parametrize("task", TASKS)
def test_titles_are_told_apart(task: str) -> None:
    titles = [metric.title for metric in metrics_of(task).values()]
    assert len(set(titles)) == len(titles)


def test_a_task_without_metrics_of_its_own_has_those_of_every_task() -> None:
    assert list(metrics_of("translate")) == ["answered", "valid_output", "leak_free"]


@pytest.mark.parametrize(("task", "name"), METRICS)
def test_a_failed_case_has_the_worst_value(golden: dict[str, list[Case]], task: str, name: str) -> None:
    metric = metrics_of(task)[name]
    failed = over(metric, [(case, None) for case in golden[task]])
    if name == "mcc":
        assert failed == 0.0, "all cases in one class tell nothing"
    elif failed is not None:
        assert failed == metric.worst


@pytest.mark.parametrize(("task", "name"), METRICS)
def test_an_answer_never_makes_a_metric_defined_that_is_not_for_the_case(
    golden: dict[str, list[Case]], task: str, name: str
) -> None:
    """A failure may not escape by being undefined where an answer has a value."""
    metric = metrics_of(task)[name]
    scorer = metric.scorer(golden[task])
    for case in golden[task]:
        if scorer(scored(case, perfect(case))) is not None:
            assert scorer(scored(case, None)) is not None, case.id


@pytest.mark.parametrize(("task", "name"), METRICS)
def test_what_is_expected_has_the_best_value(golden: dict[str, list[Case]], task: str, name: str) -> None:
    metric = metrics_of(task)[name]
    cases = [case for case in golden[task] if is_whole(case)]
    if name in NOT_BEST:
        assert worse_than(metric, over(metric, [(case, None) for case in cases]), over_perfect(metric, cases))
    else:
        assert over_perfect(metric, cases) in (None, pytest.approx(metric.best))


def is_whole(case: Case) -> bool:
    """Whether all that the case wants can be made from what it expects: an object needs more than some values."""
    return not (case.task == "generate" and ("output_schema" in case.input.params or case.language != "en"))


def over_perfect(metric: Metric, cases: Sequence[Case]) -> float | None:
    return over(metric, [(case, perfect(case)) for case in cases])


def over(metric: Metric, answers: Sequence[tuple[Case, object]]) -> float | None:
    scorer = metric.scorer([case for case, _ in answers])
    return metric.over(scorer(scored(case, output)) for case, output in answers)  # type: ignore[arg-type]


def worse_than(metric: Metric, one: float | None, other: float | None) -> bool:
    assert one is not None
    assert other is not None
    return one < other if metric.higher_is_better else one > other
