"""Summarize a text, however long."""

from chains.task import STRING, Task
from chains.tasks.summarize.chain import compose, stream
from chains.tasks.summarize.contract import SummarizeOutput, SummarizeRequest, SummaryStyle

__all__ = [
    "SummarizeOutput",
    "SummarizeRequest",
    "SummaryStyle",
    "compose",
    "stream",
    "task",
]

_SUPPLIED = {
    "text": STRING,
    "style": {"enum": [style.value for style in SummaryStyle]},
    "max_words": {"type": "integer", "minimum": 1, "maximum": 2000},
    "focus": STRING,
    "audience": STRING,
    "language": STRING,
}

task = Task(
    name="summarize",
    summary="Summarize a text",
    input=SummarizeRequest,
    output=SummarizeOutput,
    supplies=_SUPPLIED,
    compose=compose,
    stream=stream,
    helpers={
        # One chunk of a text that doesn't fit, and how many words its summary may have.
        "map": _SUPPLIED,
        # The summaries of some chunks, in the text's order, with an empty line between two.
        "reduce": _SUPPLIED,
        # A summary that has too many words.
        "shorten": _SUPPLIED,
    },
)
