"""Which facts a text doesn't hold: compared by meaning, missing only where that is certain."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chains.text.facts import FactKind, Told, missing

PIECES = (
    "A ",
    "b_",
    "1",
    ",",
    ".",
    "- ",
    "{x}",
    "`y`",
    "@z",
    "3May",
    "》《",
    "é",
    "ı",
    "İ",
    "5% ",
    "2024-05-03",
    "a.com/",
    "U.S.",
)


@pytest.mark.parametrize(
    ("of", "within"),
    [
        pytest.param("1,000", "1000", id="thousands"),
        pytest.param("1.234.567,5", "1,234,567.50", id="german and english"),
        pytest.param("1.000", "1000", id="undecided: either is held"),
        pytest.param("10 000", "10,000", id="spaces"),
        pytest.param("5 apples on the 21", "five apples, twenty-one", id="spelled out"),
        pytest.param("21", "einundzwanzig", id="spelled out in german"),
        pytest.param("5%", "5 percent", id="percent"),
        pytest.param("5%", "between 5 and 6%", id="a unit that stands further on"),
        pytest.param("2.4 million euros", "€2,400,000", id="scale"),
        pytest.param("3万", "30000", id="chinese scale"),
        pytest.param("３０ ٣", "30 and 3", id="digits of other scripts"),
        pytest.param("3 May 2024", "Friday, 2024-05-03", id="date by its parts"),
        pytest.param("03/05/2024", "on 3 May 2024", id="date with two readings"),
        pytest.param("2 pm", "14:00", id="time"),
        pytest.param("in 2024", "3 May 2024", id="a year in a date"),
        pytest.param("met Ada LOVELACE", "Lovelace, ada", id="name in any order and case"),
        pytest.param("at the National Aeronautics and Space Administration, NASA", "NASA", id="acronym"),
        pytest.param("at NASA", "the National Aeronautics and Space Administration", id="acronym written out"),
        pytest.param("met Peter", "Peter's car", id="genitive"),
        pytest.param("https://www.X.org/", "http://x.org", id="address"),
        pytest.param("{ name }", "Hi {name}", id="placeholder"),
        pytest.param("`git  pull`", "run git pull", id="code without its marks"),
        pytest.param("5 of 5", "5", id="once is enough"),
    ],
)
def test_is_held(of: str, within: str) -> None:
    assert [fact.text for fact in missing(of, within)] == []


@pytest.mark.parametrize(
    ("of", "within", "lost"),
    [
        pytest.param("5 and 6", "5", ["6"], id="number"),
        pytest.param("1.000 and 2.5", "1000 and 2.5", ["1.000"], id="the text's decimal mark is known"),
        pytest.param("-5", "5", ["-5"], id="sign"),
        pytest.param("5%", "5 euros", ["5%"], id="another unit"),
        pytest.param("2.4 million", "2.4 billion", ["2.4 million"], id="scale"),
        pytest.param("3 May 2024", "3 May", ["3 May 2024"], id="part of a date"),
        pytest.param("on 3 May", "on 5 March", ["3 May"], id="date"),
        pytest.param("2 pm", "2 am", ["2 pm"], id="time"),
        pytest.param("met Ada Lovelace", "met Ada", ["Ada Lovelace"], id="part of a name"),
        pytest.param("met Ann", "met Anna", ["Ann"], id="another name"),
        pytest.param("x.org/a", "x.org/A", ["x.org/a"], id="address"),
        pytest.param("{name} {Name}", "{name}", ["{Name}"], id="placeholder"),
        pytest.param("call my_name", "call my_Name", ["my_name"], id="code"),
        pytest.param("6, 6", "5", ["6", "6"], id="each mention"),
    ],
)
def test_is_missing(of: str, within: str, lost: list[str]) -> None:
    assert [fact.text for fact in missing(of, within)] == lost


def test_only_the_kinds_that_are_asked_for() -> None:
    assert [fact.text for fact in missing("5 for {x}", "", {FactKind.PLACEHOLDER})] == ["{x}"]


@pytest.mark.parametrize("others", [pytest.param(1, id="few names"), pytest.param(300, id="many names")])
def test_a_name_that_no_space_sets_apart_is_held(others: int) -> None:
    """Its words aren't among those of the text, so it is looked for by itself, however many others are missing."""
    lost = [f"Bo{chr(97 + number // 26)}{chr(97 + number % 26)}" for number in range(others)]
    of = ", ".join(f"we met {name}" for name in [*lost, "Ada"])
    assert [fact.text for fact in missing(of, "他看见Ada了", {FactKind.NAME})] == lost


@given(*[st.text() | st.lists(st.sampled_from(PIECES)).map("".join)] * 3)
def test_what_was_asked_before_changes_no_answer(first: str, second: str, within: str) -> None:
    held, asked = Told(within), Told(second)
    missing(first, held, {FactKind.NAME})
    missing(asked, first, {FactKind.DATE})
    assert missing(asked, held) == missing(second, within)


@given(st.text() | st.lists(st.sampled_from(PIECES)))
def test_a_text_misses_nothing_of_itself(source: str | list[str]) -> None:
    text = source if isinstance(source, str) else "".join(source)
    assert missing(text, text) == []


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "a",
            "A",
            "A ",
            "A-",
            "1",
            "1,",
            "1 000 ",
            "_",
            "a_",
            "`",
            "``` a",
            "{",
            "{a",
            "<a ",
            "www.",
            "a.",
            "a@",
            "a@a.",
        ),
        *(
            "/a",
            " ",
            "%",
            "U.",
            "1:",
            "1/1/",
            "《",
            "中",
            "1年1月",
            "A of ",
            "A'",
            "$",
            "May 5 ",
            "A\u0301",
            "tel:",
            "12:3",
        ),
    ],
)
def test_takes_time_in_proportion_to_any_text(piece: str) -> None:
    """A pattern that goes back over itself takes hours for this; a slow machine takes seconds."""
    text = piece * (1_000_000 // len(piece) // 10)
    start = time.thread_time()
    missing(text, "5")
    assert time.thread_time() - start < 5
