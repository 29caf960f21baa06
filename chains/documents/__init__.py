"""Documents: files that callers send instead of a text."""

from chains.documents.reading import wanted_text, with_text

__all__ = ["wanted_text", "with_text"]
