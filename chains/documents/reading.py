"""From a request with a document to one with its text."""

from typing import TypeVar

from chains.task import Document, TaskInput, TextInput

__all__ = ["wanted_text", "with_text"]

In = TypeVar("In", bound=TaskInput)


async def with_text(request: In) -> In:
    """The request, with the text of its document where it brings one.

    Raises InvalidInput where the document can't be read.
    """
    if not isinstance(request, TextInput) or request.document is None:
        return request
    text = await _extracted(request.document)
    return request.model_copy(update={"text": text, "document": None})


def wanted_text(request: TaskInput, read: TaskInput) -> str | None:
    """The document's text, where the caller wants it back; `read` is what `with_text` made of the request."""
    if not isinstance(request, TextInput) or request.document is None or not request.include_document_text:
        return None
    assert isinstance(read, TextInput)
    return read.source


async def _extracted(document: Document) -> str:
    raise NotImplementedError("documents are not read yet")
