"""Facts stated and schemas obeyed."""

from typing import Any

import pytest

from eval.scorers.instructions import facts_stated, obeys_schema


@pytest.mark.parametrize(
    ("text", "fact", "stated"),
    [
        pytest.param("The FJORD cup is here", "Fjord Cup", True, id="case"),
        pytest.param("holds 350ml", "350 ml", True, id="white space"),
        pytest.param("holds 350 ml", "350ml", True, id="and the reverse"),
        pytest.param("costs 1000 euros", "1,000", True, id="the comma of thousands"),
        pytest.param("costs 1,000 euros", "1000", True, id="and the reverse of it"),
        pytest.param("kostet 2.400 Euro", "2,400", True, id="another mark of thousands"),
        pytest.param("costs 12,5 euros", "125", False, id="the decimal mark"),
        pytest.param("costs 12,5000 euros", "125", False, id="no group of three"),
        pytest.param("in 2010", "10", False, id="a part of a number"),
        pytest.param("on 12 June", "June 12", False, id="another order"),
        pytest.param("a cupboard", "cup", False, id="a part of a word"),
        pytest.param("世界银行发布", "银行", True, id="Chinese has no spaces"),
        pytest.param("需支付80元。", "80元", True, id="a number within Chinese"),
        pytest.param("需支付180元。", "80元", False, id="a part of a number within Chinese"),
        pytest.param("会議はZoomで10時から", "Zoom", True, id="Latin letters within Japanese"),
        pytest.param("センターZoom", "Zoom", True, id="behind a long vowel"),
        pytest.param("حضر يوسف وسلمى", "سلمى", True, id="and, in Arabic"),
        pytest.param("بـ400 دينار", "400", True, id="a preposition before a number"),
        pytest.param("عام ٢٠٢٧", "2027", True, id="Arabic digits"),
        pytest.param("مسلمى", "سلمى", False, id="a part of an Arabic word"),
        pytest.param("Straße １２", "STRASSE 12", True, id="compatibility forms"),
        pytest.param("a+b", "a.b", True, id="no pattern, but words"),
        pytest.param("anything!", "!", False, id="no word to state"),
        pytest.param("", "x", False, id="empty text"),
        pytest.param("text", "", False, id="empty fact"),
    ],
)
def test_a_fact_is_stated(text: str, fact: str, stated: bool) -> None:
    assert facts_stated(text, [fact]) == stated


def test_the_share_of_facts() -> None:
    assert facts_stated("Maria Lopez, A-1042", ["Maria Lopez", "A1042", "12 June"]) == pytest.approx(2 / 3)
    assert facts_stated("text", []) is None


@pytest.mark.parametrize(
    ("output", "valid"),
    [
        pytest.param({"name": "cup", "count": 2}, True, id="valid"),
        pytest.param({"name": "cup", "count": "2"}, False, id="a wrong type"),
        pytest.param({"count": 2}, False, id="something missing"),
        pytest.param({"name": "cup", "other": 1}, False, id="something more"),
        pytest.param([], False, id="no object"),
        pytest.param(None, False, id="nothing"),
    ],
)
def test_obeys_schema(output: Any, valid: bool) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "count": {"type": "integer"}},
        "required": ["name"],
        "additionalProperties": False,
    }
    assert obeys_schema(output, schema) is valid
