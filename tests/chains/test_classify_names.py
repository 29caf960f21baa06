"""What labels are called when the model hears of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chains.tasks.classify.names import MOST_BYTES, short_names, spoken_names


@pytest.mark.parametrize(
    ("name", "spoken"),
    [
        pytest.param("card_arrival", "card arrival", id="snake"),
        pytest.param("Refund_not_showing_up", "refund not showing up", id="capital"),
        pytest.param("reverted_card_payment?", "reverted card payment", id="question"),
        pytest.param("CARD-ARRIVAL", "card arrival", id="loud"),
        pytest.param("CardArrival", "card arrival", id="camel"),
        pytest.param("billing/refund", "billing refund", id="path"),
        pytest.param("FAQ", "FAQ", id="one word stays"),
        pytest.param("Störung", "Störung", id="one word of letters"),
        pytest.param("Card arrival", "Card arrival", id="words stay"),
        pytest.param(" a  b_c ", " a  b_c ", id="spaces stay"),
        pytest.param("C++", "C++", id="other signs stay"),
        pytest.param("😀", "😀", id="emoji"),
        pytest.param("城市", "城市", id="chinese"),
        pytest.param("___", "___", id="nothing but separators"),
        pytest.param("???", "???", id="nothing but questions"),
    ],
)
def test_a_name_is_spoken(name: str, spoken: str) -> None:
    assert spoken_names([name, "something else"]) == [spoken, "something else"]


@pytest.mark.parametrize(
    ("names", "spoken"),
    [
        pytest.param(["card_lost", "card lost"], ["card_lost", "card lost"], id="one is as the other is spoken"),
        pytest.param(["card_lost", "CardLost", "pin_lost"], ["card_lost", "CardLost", "pin lost"], id="only those"),
        pytest.param(["Card", "card"], ["Card", "card"], id="by case"),
        pytest.param(["card", "card?"], ["card", "card?"], id="by a sign"),
        pytest.param(["a_b", "a-b", "a b"], ["a_b", "a-b", "a b"], id="three"),
    ],
)
def test_labels_that_would_be_spoken_alike_keep_their_names(names: list[str], spoken: list[str]) -> None:
    assert spoken_names(names) == spoken


@given(st.lists(st.text(min_size=1, max_size=100), min_size=2, max_size=20, unique=True))
def test_no_two_are_alike_and_none_is_empty(names: list[str]) -> None:
    for made in (spoken_names(names), short_names(names), short_names(spoken_names(names))):
        assert len(set(made)) == len(made) == len(names)
        assert all(made)


def test_long_names_are_cut_where_that_leaves_them_unlike() -> None:
    same, other = "very " * 30, "quite " * 30
    assert short_names([other + "a", "b"]) == [("quite " * 11).strip()[:MOST_BYTES].rpartition(" ")[0], "b"]
    assert short_names([same + "a", same + "b"]) == [same + "a", same + "b"]
    assert short_names(["城" * 50, "b"]) == ["城" * (MOST_BYTES // 3), "b"]
