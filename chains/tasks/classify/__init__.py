"""Assign a text to one of the given labels, or to several, with a confidence that was measured.

How sure the model is comes from what its backend can do: the likelihood of each label as the answer; else the
log-probabilities of a constrained answer; else the votes of several answers; else nothing is claimed.
"""

from chains.task import STRING, Task
from chains.tasks.classify.chain import LIKELIHOOD_PROMPT, compose
from chains.tasks.classify.contract import ClassifyOutput, ClassifyRequest

__all__ = ["task"]

_LABEL = {"type": "object", "properties": {"name": STRING, "description": STRING}, "required": ["name", "description"]}
_SHOT = {"type": "object", "properties": {"text": STRING, "label": STRING}, "required": ["text", "label"]}

task = Task(
    name="classify",
    summary="Assign a text to one or several of the given labels",
    input=ClassifyRequest,
    output=ClassifyOutput,
    supplies={
        "text": STRING,
        "labels": {"type": "array", "minItems": 2, "items": _LABEL},
        "multi_label": {"type": "boolean"},
    },
    compose=compose,
    answer={"type": "object", "properties": {"label": STRING, "labels": {"type": "array", "items": STRING}}},
    helpers={LIKELIHOOD_PROMPT: {"text": STRING, "shots": {"type": "array", "items": _SHOT}}},
)
