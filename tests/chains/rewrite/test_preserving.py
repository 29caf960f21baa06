"""What must be preserved is checked after the fact, asked for again once, and then told."""

from typing import Any

import pytest
from pydantic import ValidationError

from chains.errors import OutputInvalid
from chains.tasks.rewrite.contract import RewriteOutput, RewriteRequest
from tests.chains.rewrite.rewriting import REPAIR, Rewriter

SOURCE = "hey {name}, Ada Lovelace wants 5 books till 3 May, see https://x.org/a"


def lost(output: RewriteOutput) -> list[tuple[str, str]]:
    return [(fact.text, fact.kind.value) for fact in output.lost]


def test_what_is_kept_costs_one_call() -> None:
    rewriter = Rewriter({"answer": "Dear {name}, ada Lovelace wants five books until 05-03: 3 May. https://x.org/a"})
    output = rewriter.run(SOURCE, style="formal")
    assert lost(output) == []
    assert len(rewriter.asked) == 1


def test_the_second_question_names_what_got_lost_and_the_better_answer_is_kept() -> None:
    rewriter = Rewriter(
        {"when": REPAIR, "answer": "Dear {name}, Ada Lovelace wants 5 books. See https://x.org/a"},
        {"answer": "Dear reader, Ada Lovelace wants some books."},
    )
    output = rewriter.run(SOURCE, style="formal", audience="clients")
    (question,) = rewriter.asked_for(REPAIR)
    assert "The draft must also say: {name}; 5; 3 May; https://x.org/a." in question
    assert "Dear reader" in question
    assert SOURCE in question
    assert "clients" in question
    assert output.text == "Dear {name}, Ada Lovelace wants 5 books. See https://x.org/a"
    assert lost(output) == [("3 May", "date")]


@pytest.mark.parametrize(
    "second",
    [
        pytest.param("Nothing of it.", id="lost more"),
        pytest.param("Somebody wants 5 books till 3 May.", id="lost as much"),
        pytest.param(
            SOURCE.upper().replace("{NAME}", "{name}").replace("HTTPS://X.ORG/A", "https://x.org/a"), id="copy"
        ),
        pytest.param("", id="empty"),
    ],
)
def test_a_second_answer_that_is_no_better_is_dropped(second: str) -> None:
    first = "Dear {name}, Ada Lovelace wants books. See https://x.org/a"
    output = Rewriter({"when": REPAIR, "answer": second}, {"answer": first}).run(SOURCE, style="formal")
    assert output.text == first
    assert lost(output) == [("5", "number"), ("3 May", "date")]


def test_a_second_answer_that_is_cut_is_dropped() -> None:
    script: list[dict[str, Any]] = [
        {"when": REPAIR, "answer": SOURCE + " and", "cut_off": True},
        {"answer": "See https://x.org/a"},
    ]
    assert Rewriter(*script).run(SOURCE, style="formal").text == "See https://x.org/a"


def test_only_what_the_caller_wants_preserved() -> None:
    rewriter = Rewriter({"answer": "Dear reader."})
    output = rewriter.run(SOURCE, style="formal", preserve=["placeholders", "urls"])
    assert lost(output) == [("{name}", "placeholder"), ("https://x.org/a", "url")]
    assert "must also say: {name}; https://x.org/a." in rewriter.asked_for(REPAIR)[0]
    assert lost(Rewriter({"answer": "Dear reader."}).run(SOURCE, style="formal", preserve=[])) == []


def test_an_instruction_that_changes_a_fact_is_not_fought() -> None:
    rewriter = Rewriter({"answer": "The ticket costs 30 euros."})
    output = rewriter.run("The ticket costs 25 euros.", instruction="Change the price to 30 euros.")
    assert rewriter.asked_for(REPAIR) == []
    assert output.text == "The ticket costs 30 euros."
    assert lost(output) == [("25 euros", "number")]


def test_an_instruction_that_was_not_followed_excuses_nothing() -> None:
    rewriter = Rewriter({"answer": "A ticket."})
    rewriter.run("The ticket costs 25 euros.", instruction="Change the price to 30 euros.")
    assert len(rewriter.asked_for(REPAIR)) == 1


def test_a_corrected_slip_of_the_tongue_is_told_but_not_asked_for() -> None:
    rewriter = Rewriter({"answer": "We meet at 10, see x.org."})
    output = rewriter.run("We meet at 9, uh no, at 10, see x.org.", style="clean_transcript")
    assert len(rewriter.asked) == 1
    assert lost(output) == [("9", "number")]
    rewriter = Rewriter({"answer": "We meet at 10, see x.org."})
    rewriter.run("We meet at 9, uh no, at 10, see x.org.", style="clean_transcript", preserve=["numbers"])
    assert len(rewriter.asked_for(REPAIR)) == 1


def test_each_lost_fact_is_told_once() -> None:
    assert lost(Rewriter({"answer": "None."}).run("5 or 5 or 5", style="concise")) == [("5", "number")]


def test_a_version_without_the_helper_reports_only() -> None:
    rewriter = Rewriter({"answer": "Dear reader."}, version="1.0.0")
    assert ("5", "number") in lost(rewriter.run(SOURCE, style="formal"))
    assert len(rewriter.asked) == 1


def test_the_language_of_the_source_is_kept() -> None:
    source = "我们明天上午见面，请带上文件。"
    second = "请您明天上午携带文件前来会面。"
    script: list[dict[str, Any]] = [
        {"when": REPAIR, "answer": second},
        {"answer": "We meet tomorrow. Bring the papers."},
    ]
    rewriter = Rewriter(*script)
    assert rewriter.run(source, style="formal").text == second
    assert "must be in the language of the document" in rewriter.asked_for(REPAIR)[0]


def test_another_language_that_nobody_asked_for_is_an_error() -> None:
    source = "我们明天上午见面，请带上文件。"
    with pytest.raises(OutputInvalid, match="another language"):
        Rewriter({"answer": "We meet tomorrow."}).run(source, style="formal")
    assert Rewriter({"answer": "We meet."}).run(source, instruction="Translate it.").text == "We meet."


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValidationError, match="preserve"):
        RewriteRequest.model_validate({"text": "a", "style": "formal", "preserve": ["money"]})
