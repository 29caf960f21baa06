"""How this process counts requests and tokens per minute, by a clock that the test turns."""

import pytest

from app.keys.windows import OwnWindows, Standing

BEGIN = 60.0 * 28_000_000
"""A minute begins."""

Step = tuple[float, bool]


@pytest.mark.parametrize(
    ("limit", "steps"),
    [
        pytest.param(2, [(0, True), (1, True), (59, False)], id="no more within a minute"),
        pytest.param(2, [(0, True), (1, True), (61, True), (62, False), (91, True), (92, False)], id="by its part"),
        pytest.param(4, [*[(50, True)] * 4, (75, True), (76, True), (77, False)], id="three quarters of four"),
        pytest.param(1, [(59, True), (61, True)], id="as far as two counters can tell"),
        pytest.param(1, [(61, True), (59, False), (62, False)], id="a clock that is set back lets nobody in again"),
        pytest.param(1, [(3600, True), (0, True), (1, False), (61, True)], id="unless it is set back by an hour"),
        pytest.param(1, [(0, True), (120, True)], id="what is two minutes old is forgotten"),
    ],
)
def test_requests_are_counted_in_a_window_that_slides(limit: int, steps: list[Step]) -> None:
    now = BEGIN
    windows = OwnWindows(clock=lambda: now)
    for after, is_let_in in steps:
        now = BEGIN + after
        left = windows.requests("k", limit).remaining
        assert windows.count_request("k", limit) is is_let_in, after
        assert left - windows.requests("k", limit).remaining == is_let_in


@pytest.mark.parametrize(
    ("counted", "after", "reset_s"),
    [
        pytest.param(0, 10, 0, id="nothing was counted"),
        pytest.param(3, 10, 50, id="in this minute"),
        pytest.param(3, 70, 10, id="in the one before: a third of it is let go each 20 s"),
        pytest.param(3, 130, 0, id="long ago"),
    ],
)
def test_when_there_is_more(counted: int, after: float, reset_s: float) -> None:
    now = BEGIN
    windows = OwnWindows(clock=lambda: now)
    for _ in range(counted):
        windows.count_request("k", 10)
    now = BEGIN + after
    assert windows.requests("k", 10).reset_s == pytest.approx(reset_s, abs=1e-4)


def test_a_window_of_tokens_begins_with_the_first_ones() -> None:
    now = BEGIN
    windows = OwnWindows(clock=lambda: now)
    assert windows.tokens("k", 100) == Standing("tokens", 100, 100, 0)
    now = BEGIN + 30
    windows.spend("k", 100, 70)
    now = BEGIN + 80
    windows.spend("k", 100, 70)
    assert windows.tokens("k", 100) == Standing("tokens", 100, 0, 10)
    assert windows.tokens("other", 100).remaining == 100
    now = BEGIN + 90
    assert windows.tokens("k", 100) == Standing("tokens", 100, 100, 0)
    windows.spend("k", 100, 1)
    assert windows.tokens("k", 100) == Standing("tokens", 100, 99, 60)


def test_a_clock_that_is_set_back_ends_a_window_of_tokens() -> None:
    now = BEGIN + 3600
    windows = OwnWindows(clock=lambda: now)
    windows.spend("k", 100, 100)
    now = BEGIN
    assert windows.tokens("k", 100) == Standing("tokens", 100, 100, 0)
