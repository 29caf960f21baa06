"""Version numbers: the smallest one of a bump, and the bump that a step claims."""

import pytest

from chains.prompts.comparison.changes import Bump, bump_between, smallest_version

NONE, PATCH, MINOR, MAJOR = Bump


@pytest.mark.parametrize(
    ("base", "bump", "smallest"),
    [
        pytest.param("1.2.3", NONE, "1.2.3", id="none"),
        pytest.param("1.2.3", PATCH, "1.2.4", id="patch"),
        pytest.param("1.2.3", MINOR, "1.3.0", id="minor"),
        pytest.param("1.2.3", MAJOR, "2.0.0", id="major"),
        pytest.param("0.9.9", MAJOR, "1.0.0", id="before one"),
        pytest.param("1.3.0-rc.1", PATCH, "1.3.1", id="candidate, patch"),
        pytest.param("1.3.0-rc.1+build", MINOR, "1.4.0", id="candidate, minor"),
        pytest.param("1.3.0-rc.1", MAJOR, "2.0.0", id="candidate, major"),
    ],
)
def test_the_smallest_version_of_a_bump(base: str, bump: Bump, smallest: str) -> None:
    assert smallest_version(base, bump) == smallest
    assert bump_between(base, smallest) is bump


@pytest.mark.parametrize(
    ("base", "version", "claimed"),
    [
        pytest.param("1.2.3", "1.2.3", NONE, id="the same"),
        pytest.param("1.2.3", "1.2.9", PATCH, id="several patches"),
        pytest.param("1.2.3", "1.4.7", MINOR, id="minor with a patch"),
        pytest.param("1.2.3", "3.1.0", MAJOR, id="major with a minor"),
        pytest.param("1.9.0", "1.10.0", MINOR, id="numbers, not letters"),
        pytest.param("2.0.0", "1.9.9", NONE, id="back"),
        pytest.param("1.2.3", "1.3.0-rc.1", MINOR, id="to a candidate"),
        pytest.param("1.2.3", "1.2.3-rc.1", NONE, id="to its own candidate"),
        pytest.param("1.3.0-rc.1", "1.3.0", NONE, id="from a candidate to its release"),
        pytest.param("1.3.0-rc.1", "1.3.0-rc.2", NONE, id="between candidates"),
        pytest.param("1.3.0-rc.1", "2.0.0-rc.1", MAJOR, id="between candidates of two releases"),
    ],
)
def test_a_step_claims_a_bump(base: str, version: str, claimed: Bump) -> None:
    assert bump_between(base, version) is claimed
