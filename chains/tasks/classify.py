"""Assign a text to one of the given labels, or to several."""

from typing import Any

from langchain_core.runnables import Runnable, RunnableLambda
from pydantic import Field, StrictBool, field_validator

from chains.answers import Ask, ask_for_object
from chains.task import STRING, ClosedModel, Name, Parts, Task, TaskOutput, TextInput, Value, unique_names


class Label(ClosedModel):
    name: Name = Field(description="The label's name, as it comes back: complaint.")
    description: str | None = Field(default=None, max_length=500, description="What belongs to this label.")


class ScoredLabel(Value):
    name: str


class ClassifyRequest(TextInput):
    labels: tuple[Label, ...] = Field(min_length=2, max_length=200, description="The labels to choose from.")
    multi_label: StrictBool = Field(default=False, description="Whether several labels, or none, may apply.")

    _unique = field_validator("labels")(unique_names)


class ClassifyOutput(TaskOutput):
    labels: list[ScoredLabel] = Field(description="The labels that apply, best first; exactly one unless multi_label.")


def compose(parts: Parts) -> Runnable[ClassifyRequest, ClassifyOutput]:
    ask = ask_for_object(parts)

    async def classify(request: ClassifyRequest) -> ClassifyOutput:
        inputs = {
            "text": request.source,
            "labels": [{"name": label.name, "description": label.description or ""} for label in request.labels],
            "multi_label": request.multi_label,
        }
        answer = await ask.ainvoke(Ask(inputs, _schema(request)))
        names = dict.fromkeys(answer["labels"]) if request.multi_label else [answer["label"]]
        return ClassifyOutput(labels=[ScoredLabel(name=name) for name in names])

    return RunnableLambda(classify)


def _schema(request: ClassifyRequest) -> dict[str, Any]:
    one_of = {"enum": [label.name for label in request.labels]}
    key = "labels" if request.multi_label else "label"
    many = {"type": "array", "items": one_of, "maxItems": len(request.labels)}
    return {
        "type": "object",
        "properties": {key: many if request.multi_label else one_of},
        "required": [key],
        "additionalProperties": False,
    }


_LABEL = {"type": "object", "properties": {"name": STRING, "description": STRING}, "required": ["name", "description"]}

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
)
