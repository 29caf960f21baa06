"""Documents: files that callers send instead of a text."""

from chains.documents.limits import DocumentLimits
from chains.documents.reading import DocumentReader, ReadRequest

__all__ = ["DocumentLimits", "DocumentReader", "ReadRequest"]
