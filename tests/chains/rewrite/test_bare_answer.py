"""What a model writes around its answer goes, where that is certain."""

import pytest

from chains.tasks.rewrite.answer import bare
from tests.chains.rewrite.rewriting import Rewriter

SOURCE = "we meet tomorrow"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param("Here is the rewritten text: We meet.", "We meet.", id="announcement"),
        pytest.param("Sure! Here's a formal version:\n\nWe meet.", "We meet.", id="polite announcement"),
        pytest.param("Rewritten text:\nWe meet.", "We meet.", id="heading"),
        pytest.param("Hier ist der Text: Wir kommen.", "Wir kommen.", id="german"),
        pytest.param('"We meet."', "We meet.", id="quotation marks"),
        pytest.param("„Wir kommen.“", "Wir kommen.", id="german quotation marks"),
        pytest.param("<document>\nWe meet.\n</document>", "We meet.", id="tags of the prompt"),
        pytest.param('"We," she said, "meet."', '"We," she said, "meet."', id="two quotations"),
        pytest.param("Here is where we meet.", "Here is where we meet.", id="a sentence"),
        pytest.param("Agenda: we meet.", "Agenda: we meet.", id="a colon"),
        pytest.param("Here is the text:", "Here is the text:", id="nothing after it"),
        pytest.param('"', '"', id="a single mark"),
    ],
)
def test_takes_away_what_is_not_the_answer(answer: str, expected: str) -> None:
    assert bare(answer, SOURCE) == expected


@pytest.mark.parametrize("text", ['"We meet."', "Here is the plan: we meet."])
def test_keeps_what_the_source_has_itself(text: str) -> None:
    assert bare(text, text) == text


def test_the_chain_gives_the_bare_answer() -> None:
    assert Rewriter({"answer": 'Rewritten text: "We meet."'}).run(SOURCE, style="formal").text == "We meet."
