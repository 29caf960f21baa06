"""What is judged of the embedded model beside Copydesk: nothing, where too few answers can be compared."""

import pytest

from bench.side_by_side.sections.real_model import aims, compared


@pytest.mark.parametrize(
    ("ratios", "measured", "met"),
    [
        ([], "not measured", False),
        ([1.0] * 4, "not measured", False),
        ([1.0] * 5, "1.000 times", True),
        ([1.0, 1.0, 1.03, 1.04, 1.05], "1.030 times", False),
    ],
)
def test_times_are_judged_of_enough_answers(ratios: list[float], measured: str, met: bool) -> None:
    rows = list(compared(ratios))
    aim = aims(rows)[0]
    assert (aim.measured, aim.met) == (measured, met)
    assert (rows[-1].metric, rows[-1].median) == ("texts compared", len(ratios))
