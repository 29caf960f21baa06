"""From the outcomes of a run to the values of its metrics: for each variant and metric one value a case."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from eval.datasets import Case
from eval.metrics.metric import Metric, Scored, Value
from eval.outcomes import Outcome

__all__ = ["Scores", "mean_value", "score_outcomes"]

Scores = Mapping[str, Mapping[str, Mapping[str, Value]]]
"""By the names of variant and metric, and the case's id. Cases stand in the order of the dataset; one for which the
metric isn't defined is there with None; one without an outcome, or of a task that the metric isn't for, isn't there."""


def score_outcomes(
    metrics: Mapping[str, Metric],
    cases: Sequence[Case],
    outcomes: Iterable[Outcome],
    examples: Mapping[str, Sequence[str]],
) -> Scores:
    """Score each outcome by each metric, and take the mean over a case's repeats: of counts place by place, and over
    those for which the metric is defined.

    `examples` are, by the variant's name, the texts of its prompt that no answer may repeat: few-shot pairs and fixed
    texts; a variant without them has none. Raises ValueError where an outcome is of an unknown case, or stands twice.
    """
    by_id = {case.id: case for case in cases}
    repeats = _by_case(outcomes, by_id, examples)
    scorers = {name: metric.scorer(cases) for name, metric in metrics.items()}
    own = {name: _of_tasks(cases, metric.tasks) for name, metric in metrics.items()}
    return {
        variant: {
            name: {case: mean_value([scorer(one) for one in of[case]]) for case in own[name] if case in of}
            for name, scorer in scorers.items()
        }
        for variant, of in repeats.items()
    }


def mean_value(values: Sequence[Value]) -> Value:
    """The mean of one case's values: place by place where they are counts; None where all are None."""
    defined = [value for value in values if value is not None]
    counts = [value for value in defined if isinstance(value, tuple)]
    if not defined:
        return None
    if len(counts) == len(defined):
        return tuple(sum(column) / len(counts) for column in zip(*counts, strict=True))
    return sum(value for value in defined if not isinstance(value, tuple)) / len(defined)


def _of_tasks(cases: Sequence[Case], tasks: Sequence[str]) -> list[str]:
    return [case.id for case in cases if not tasks or case.task in tasks]


def _by_case(
    outcomes: Iterable[Outcome], cases: Mapping[str, Case], examples: Mapping[str, Sequence[str]]
) -> Mapping[str, Mapping[str, Sequence[Scored]]]:
    """Variant, case, and what there is to score: one for each repeat."""
    found: dict[str, dict[str, list[Scored]]] = defaultdict(lambda: defaultdict(list))
    places = set()
    for outcome in outcomes:
        if outcome.case not in cases:
            raise ValueError(f"{outcome.variant}: no case is called {outcome.case!r} in the datasets")
        if outcome.place in places:
            raise ValueError(f"{outcome.variant}: repeat {outcome.repeat} of {outcome.case!r} stands twice")
        places.add(outcome.place)
        error = outcome.error.code if outcome.error else None
        scored = Scored(cases[outcome.case], outcome.output, error, tuple(examples.get(outcome.variant, ())))
        found[outcome.variant][outcome.case].append(scored)
    return found
