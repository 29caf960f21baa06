"""Text mechanics that tasks share. Knows no model and no prompt."""

from chains.text.alignment import Alignment, Mention, SourceIndex, Span
from chains.text.live import LiveText
from chains.text.offsets import StringIndexType, Utf16Index
from chains.text.words import count_words, fit_words, sentence_ends, word_boundaries

__all__ = [
    "Alignment",
    "LiveText",
    "Mention",
    "SourceIndex",
    "Span",
    "StringIndexType",
    "Utf16Index",
    "count_words",
    "fit_words",
    "sentence_ends",
    "word_boundaries",
]
