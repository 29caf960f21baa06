"""The task itself."""

from chains.task import STRING, Task
from chains.tasks.classify.chain import LIKELIHOOD_PROMPT, compose
from chains.tasks.classify.contract import ClassifyOutput, ClassifyRequest

__all__ = ["task"]

_LABEL = {"type": "object", "properties": {"name": STRING, "description": STRING}, "required": ["name", "description"]}
_SHOT = {"type": "object", "properties": {"text": STRING, "label": STRING}, "required": ["text", "label"]}

task = Task(
    name="classify",
    summary="Assign a text to one or several of the given labels",
    promise="The answer holds no label but those that were sent. `confidence` is measured, never the model's own word "
    "for it, and absent where it can't be; with `abstain_below` an unsure answer is none.",
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
    example={
        "text": "My parcel has not arrived and nobody answers the phone.",
        "labels": [{"name": "delivery"}, {"name": "billing"}, {"name": "account"}],
    },
)
