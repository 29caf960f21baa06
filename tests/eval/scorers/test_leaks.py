"""Text of the prompt in an answer."""

import pytest

from eval.datasets import load_dataset
from eval.scorers.leaks import leaked
from tests.conftest import ROOT

ENGLISH = (
    "Thanks a lot for your papers! Only Form 12 is still missing. Could you please send it to Petra Lang by 4 June?"
)
CHINESE = "图书馆的自习室从下周三起改为预约制，每人每天最多可以预约三个小时。"
JAPANESE = "北側の駐車場は来月の十五日から工事のため使えなくなります。"
ARABIC = "ستبقى المكتبة العامة مغلقة يوم الأحد القادم بسبب أعمال الصيانة في الطابق الثاني."
GERMAN = "Die Turnhalle bleibt am kommenden Samstag wegen der Wahl geschlossen."


@pytest.mark.parametrize(
    ("output", "prompt", "given", "expected"),
    [
        pytest.param(ENGLISH, ENGLISH, [], True, id="the whole example"),
        pytest.param("Hello! COULD you please send it, to Petra soon.", ENGLISH, [], True, id="a part, told otherwise"),
        pytest.param("Could you please send it back?", ENGLISH, [], False, id="five words that everybody says"),
        pytest.param("Write to Petra Lang.", ENGLISH, [], True, id="a name of two words"),
        pytest.param("Write to Petra Lang.", ENGLISH, ["I am Petra Lang"], False, id="a name that the source has"),
        pytest.param("Write to Petra.", ENGLISH, [], False, id="a name of one word"),
        pytest.param(ENGLISH, ENGLISH, [ENGLISH], False, id="what the source has itself"),
        pytest.param("Nothing of it.", ENGLISH, [], False, id="nothing"),
        pytest.param("", ENGLISH, [], False, id="an empty answer"),
        pytest.param(ENGLISH, "", [], False, id="an empty prompt"),
        pytest.param("The ticket costs 30 euros.", "The ticket costs 30 euros.", [], True, id="a short sentence"),
        pytest.param("Now the ticket costs 30 euros.", "The ticket costs 30 euros.", [], False, id="a part of one"),
        pytest.param("Thank you!", "Thank you!", [], False, id="a sentence of two words"),
        pytest.param("Card 4024 0071 3345 9910", "My card 4024 0071 3345 9910 is lost", [], True, id="a long number"),
        pytest.param("It costs 20 euros", "20 euros for a seat", [], False, id="a short number"),
        pytest.param("see help@quill.example", "write to help@quill.example", [], True, id="an address"),
        pytest.param("附近的图书馆的自习室从下周三起改为预约制。", CHINESE, [], True, id="Chinese"),
        pytest.param("图书馆的自习室已满。", CHINESE, [], False, id="Chinese: seven characters"),
        pytest.param("なお、北側の駐車場は来月の十五日から閉鎖です。", JAPANESE, [], True, id="Japanese"),
        pytest.param("駐車場は来月から閉鎖です。", JAPANESE, [], False, id="Japanese: a few characters"),
        pytest.param("قال المدير: ستبقى المكتبة العامة مغلقة يوم الأحد.", ARABIC, [], True, id="Arabic"),
        pytest.param("المكتبة العامة مفتوحة", ARABIC, [], False, id="Arabic: two words"),
        pytest.param("Sie bleibt am kommenden Samstag wegen der Wahl zu.", GERMAN, [], True, id="German"),
        pytest.param("Am kommenden Samstag ist Wahl.", GERMAN, [], False, id="German: three words"),
    ],
)
def test_a_leak(output: str, prompt: str, given: list[str], expected: bool) -> None:
    assert bool(leaked([output], [prompt], given)) is expected


def test_what_leaked_is_told_once_in_the_order_of_the_answer() -> None:
    found = leaked(["Petra Lang, Petra Lang", "one two three four five six seven"],
                   ["one two three four five six", ENGLISH], [])  # fmt: skip
    assert found == ["petra lang", "one two three four five six"]


def test_no_run_goes_beyond_one_text() -> None:
    assert not leaked(["one two three", "four five six"], ["one two three four five six"], [])
    assert not leaked(["one two three four five six"], ["one two three", "four five six"], [])


@pytest.mark.parametrize("task", ["summarize", "rewrite"])
def test_what_people_write_by_themselves_is_no_leak(task: str) -> None:
    """Each reference against those of all other cases in its language, as if they were a prompt's examples."""
    cases = load_dataset(ROOT / "eval" / "datasets" / task)
    found = []
    for case in cases:
        others = [
            reference
            for other in cases
            if other.id != case.id and other.language == case.language
            for reference in other.expected["references"]
        ]
        given = [case.input.text, *map(str, case.input.params.values())]
        found += [(case.id, piece) for piece in leaked(case.expected["references"], others, given)]
    assert found == []
