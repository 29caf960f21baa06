"""The memory of request bodies: counted from the first large byte to the answer."""

import pytest

from app.edge.bodies import FREE_BYTES, Bodies
from app.problems import ProblemError


def test_large_bodies_share_what_there_is() -> None:
    bodies = Bodies(100_000)
    first, second = bodies.body(), bodies.body()
    first.grow(FREE_BYTES)
    assert bodies.held == 0
    first.grow(60_000)
    second.grow(FREE_BYTES)
    second.grow(40_000)
    assert bodies.held == 100_000
    with pytest.raises(ProblemError) as caught:
        second.grow(1)
    assert caught.value.code == "overloaded"
    first.let_go()
    first.let_go()
    second.grow(59_999)
    second.let_go()
    assert bodies.held == 0


def test_small_ones_pass_however_full_it_is() -> None:
    bodies = Bodies(1)
    for _ in range(1000):
        bodies.body().grow(FREE_BYTES)
    assert bodies.held == 0
