"""Extract entities of given types, or records by a schema, each text with its place in the source."""

from langchain_core.runnables import Runnable, RunnableLambda

from chains.task import STRING, Parts, Task
from chains.tasks.extract.contract import ExtractOutput, ExtractRequest
from chains.tasks.extract.entities import find_entities
from chains.tasks.extract.naming import HELPER as KINDS
from chains.tasks.extract.records import HELPER as RECORDS
from chains.tasks.extract.records import find_records

__all__ = ["task"]


def compose(parts: Parts) -> Runnable[ExtractRequest, ExtractOutput]:
    async def extract(request: ExtractRequest) -> ExtractOutput:
        find = find_entities if request.types else find_records
        return await find(parts, request)

    return RunnableLambda(extract)


_TYPE = {"type": "object", "properties": {"name": STRING, "description": STRING}, "required": ["name", "description"]}
_ENTITY = {"type": "object", "properties": {"type": STRING, "text": STRING}, "required": ["type", "text"]}

task = Task(
    name="extract",
    summary="Extract entities of given types, or records by a schema, with their places in the text",
    input=ExtractRequest,
    output=ExtractOutput,
    supplies={"text": STRING, "types": {"type": "array", "minItems": 1, "items": _TYPE}},
    compose=compose,
    answer={
        "type": "object",
        "properties": {"entities": {"type": "array", "items": _ENTITY}},
        "required": ["entities"],
    },
    helpers={KINDS: {"text": STRING, "part": STRING}, RECORDS: {"text": STRING, "schema": STRING}},
)
