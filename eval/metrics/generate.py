"""Generated texts and objects: what they state, and whether they are as they were asked to be."""

from collections.abc import Mapping
from typing import Any

from eval.metrics.metric import Kind, Metric, Scored, Value
from eval.metrics.reading import guarded, output_of
from eval.metrics.texts import FACTS_STATED, FORBIDDEN_ABSENT, LANGUAGE_KEPT, LENGTH
from eval.scorers.instructions import obeys_schema

__all__ = ["GENERATE"]


def _obeys(scored: Scored) -> bool:
    return obeys_schema(output_of(scored).get("output"), scored.case.input.params["output_schema"])


def _values(scored: Scored) -> Value:
    wanted = scored.case.expected["output"]
    found = output_of(scored).get("output")
    if not isinstance(found, Mapping):
        return 0.0
    return sum(name in found and _same(found[name], value) for name, value in wanted.items()) / len(wanted)


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: `true` isn't 1, the white space around a text doesn't count."""
    if isinstance(one, str) and isinstance(other, str):
        return one.strip() == other.strip()
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


SCHEMA = Metric(
    name="schema_validity",
    title="Schema obeyed, 0 or 1",
    kind=Kind.BINARY,
    score=guarded(_obeys, applies=lambda case: case.input.params.get("output_schema") is not None),
    description="Whether the object is valid under the caller's JSON Schema.",
)
VALUES = Metric(
    name="values_right",
    title="Values right, 0 to 1",
    kind=Kind.CONTINUOUS,
    score=guarded(_values, applies=lambda case: bool(case.expected.get("output"))),
    description="Of the properties that the object must have, the share with the right value.",
)
_CHECKS = (FORBIDDEN_ABSENT, LENGTH, SCHEMA, LANGUAGE_KEPT)


def _followed(scored: Scored) -> Value:
    found = [value for check in _CHECKS if (value := check.score(scored)) is not None]
    return float(all(value == 1.0 for value in found)) if found else None


INSTRUCTIONS = Metric(
    name="instructions_followed",
    title="Instructions followed, 0 or 1",
    kind=Kind.BINARY,
    score=_followed,
    description="Whether all that the case checks holds: nothing forbidden, the length, the schema, the language.",
)
GENERATE: tuple[Metric, ...] = (FACTS_STATED, FORBIDDEN_ABSENT, LENGTH, SCHEMA, VALUES, LANGUAGE_KEPT, INSTRUCTIONS)
