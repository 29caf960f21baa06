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
    promise="Texts longer than the model's context are read in chunks. `unsupported` lists numbers, dates and names of "
    "the summary that the source doesn't hold, `coverage` the parts of the source that it uses. A summary over "
    "`max_words` is asked for once more, and then cut at the end of a sentence, which `shortened` tells.",
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
    example={
        "text": "The council closes the Harbour Street bridge from 3 May for eleven weeks. Buses take Mill Road.",
        "max_words": 20,
    },
)
