"""SARI against the values that its authors' own implementation prints."""

import pytest

from eval.scorers.sari import sari

SOURCE = "About 95 species are currently accepted ."
REFERENCES = [
    "About 95 species are currently known .",
    "About 95 species are now accepted .",
    "95 species are now accepted .",
]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        pytest.param("About 95 you now get in .", 26.82782411698074, id="bad"),
        pytest.param("About 95 species are now agreed .", 58.89995423074248, id="good"),
        pytest.param("About 95 species are currently agreed .", 50.71608864657479, id="fair"),
    ],
)
def test_published_values(output: str, expected: float) -> None:
    """The example at the end of SARI.py by Wei Xu (cocoxu/simplification), to the digits that EASSE's tests give."""
    assert sari(SOURCE, output, REFERENCES).score == pytest.approx(expected, abs=1e-9)
    assert sari(SOURCE, output, REFERENCES, tokenize=lambda text: text.lower().split(" ")).score == pytest.approx(
        expected, abs=1e-9
    )


@pytest.mark.parametrize(
    ("source", "output", "reference", "keep", "delete", "add"),
    [
        pytest.param("a b c d", "a b c d", "a b c d", 100, 0, 0, id="all equal: nothing is to be deleted or added"),
        pytest.param("a b c d", "", "a b c d", 0, 0, 0, id="empty output: all that it deletes was to be kept"),
        pytest.param("a b c d", "", "", 0, 100, 0, id="all was to be deleted"),
        pytest.param("", "a b c d", "a b c d", 0, 0, 100, id="empty source: all is added"),
        pytest.param("a b c d", "e f g h", "e f g h", 0, 100, 100, id="all is exchanged, rightly"),
        pytest.param("", "", "", 0, 0, 0, id="all empty"),
        pytest.param("世 界 银 行", "世界银行", "世界银行", 100, 0, 0, id="Chinese without spaces"),
    ],
)
def test_degenerate_cases(source: str, output: str, reference: str, keep: float, delete: float, add: float) -> None:
    found = sari(source, output, [reference])
    assert (found.keep, found.delete, found.add) == pytest.approx((keep, delete, add))
    assert found.score == pytest.approx((keep + delete + add) / 3)


def test_case_does_not_matter() -> None:
    assert sari(SOURCE.upper(), "about 95", REFERENCES) == sari(SOURCE, "ABOUT 95", REFERENCES)


def test_it_needs_a_reference() -> None:
    with pytest.raises(ValueError, match="at least one reference"):
        sari("a", "b", [])
