"""How sure a model was of a label that it wrote, by what its server reports of the answer's tokens."""

import math
from typing import Any

import pytest

from chains.tasks.classify.answer_logprobs import label_probabilities

NAMES = ["card arrival", "card linking", "pin"]


def token(text: str, share: float, **others: float) -> dict[str, Any]:
    """A token of that likelihood; `others` are the alternatives, `_` in their names a space."""
    options = {text: share, **{name.replace("_", " "): other for name, other in others.items()}}
    top = [{"token": name, "logprob": math.log(one)} for name, one in options.items()]
    return {"token": text, "logprob": math.log(share), "top_logprobs": top}


SURE = [token('{"', 0.01), token("label", 0.3), token('": "', 0.2)]


def test_a_token_counts_with_its_share_of_what_some_label_allows() -> None:
    said = [
        *SURE,
        token("card", 0.1, pin=0.3, nonsense=0.5),
        token(" arr", 0.2, _link=0.2, _game=0.6),
        token('ival"', 0.9),
    ]
    found = label_probabilities([*said, token("}", 0.5)], NAMES)
    assert found == pytest.approx({"card arrival": 0.25 * 0.5})


def test_a_token_over_the_borders_of_the_value() -> None:
    said = [token('{"label": "pi', 0.1), token('n"}', 0.2)]
    said[0]["top_logprobs"] += [{"token": '{"label": "c', "logprob": math.log(0.3)}, {"token": "{", "logprob": -0.1}]
    assert label_probabilities(said, NAMES) == pytest.approx({"pin": 0.25})


def test_each_label_of_several() -> None:
    said = [token('{"labels": [', 0.1), token('"', 1.0), token("pin", 0.3, card=0.1), token('", "', 0.4)]
    said += [token("card", 0.5, pin=0.5), token(" linking", 0.9), token('"]}', 0.9)]
    assert label_probabilities(said, NAMES) == pytest.approx({"pin": 0.75, "card linking": 0.5})


@pytest.mark.parametrize(
    ("names", "written"),
    [
        pytest.param(["Störung", "b"], '"Störung"', id="as it is"),
        pytest.param(["Störung", "b"], '"St\\u00f6rung"', id="escaped"),
        pytest.param(['say "x"', "b"], '"say \\"x\\""', id="quotes"),
        pytest.param(["a", "ab"], '"a"', id="the beginning of another"),
    ],
)
def test_how_a_label_may_be_written(names: list[str], written: str) -> None:
    said = [token('{"label": ', 1.0), *(token(character, 0.5) for character in written), token("}", 1.0)]
    assert label_probabilities(said, names) == {names[0]: 1.0}, "nothing else was reported that a label allows"


@pytest.mark.parametrize(
    "said",
    [
        pytest.param([], id="nothing told"),
        pytest.param([token("certainly", 0.5)], id="no key"),
        pytest.param([*SURE, token('game"}', 0.5)], id="no label"),
        pytest.param([token('{"labels": []}', 0.5)], id="none of several"),
        pytest.param([*SURE, token("pin", 0.5)], id="cut off"),
    ],
)
def test_nothing_is_measured(said: list[dict[str, Any]]) -> None:
    assert label_probabilities(said, NAMES) is None


def test_nothing_is_claimed_where_no_alternatives_are_reported() -> None:
    said = [{"token": '{"label": "', "logprob": -1.0}, {"token": 'pin"}', "logprob": -2.0, "top_logprobs": []}]
    assert label_probabilities(said, NAMES) is None
