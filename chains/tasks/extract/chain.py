"""The chain: entities of types, or records by a schema."""

from langchain_core.runnables import Runnable

from chains.direct import Lambda
from chains.task import Parts
from chains.tasks.extract.contract import ExtractOutput, ExtractRequest
from chains.tasks.extract.entities import find_entities
from chains.tasks.extract.records import find_records

__all__ = ["compose"]


def compose(parts: Parts) -> Runnable[ExtractRequest, ExtractOutput]:
    async def extract(request: ExtractRequest) -> ExtractOutput:
        find = find_entities if request.types else find_records
        return await find(parts, request)

    return Lambda(extract)
