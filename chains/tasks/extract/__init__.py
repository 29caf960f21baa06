"""Extract entities of given types, or records by a schema, each text with its place in the source."""

from chains.task import STRING, Task
from chains.tasks.extract.chain import compose
from chains.tasks.extract.contract import ExtractOutput, ExtractRequest

__all__ = ["ExtractOutput", "ExtractRequest", "compose", "task"]

_TYPE = {"type": "object", "properties": {"name": STRING, "description": STRING}, "required": ["name", "description"]}
_ENTITY = {"type": "object", "properties": {"type": STRING, "text": STRING}, "required": ["type", "text"]}

task = Task(
    name="extract",
    summary="Extract entities of given types, or records by a schema, with their places in the text",
    promise="Send `types`, or a `record_schema`. Every entity stands in the source at its `offset`: by default a Java "
    "or JavaScript string's own index. What the model names and the source doesn't hold is in `ungrounded`, never "
    "among the entities.",
    input=ExtractRequest,
    output=ExtractOutput,
    supplies={"text": STRING, "types": {"type": "array", "minItems": 1, "items": _TYPE}},
    compose=compose,
    answer={
        "type": "object",
        "properties": {"entities": {"type": "array", "items": _ENTITY}},
        "required": ["entities"],
    },
    helpers={
        # A part of a text, and what stands around it: what kind of thing it is.
        "kinds": {"text": STRING, "part": STRING},
        # A text and the schema of its records, as JSON.
        "records": {"text": STRING, "schema": STRING},
    },
    example={"text": "Ada Lovelace met Charles Babbage in London.", "types": [{"name": "PERSON"}, {"name": "CITY"}]},
)
