"""Whatever the model servers do, a caller gets the right answer or a typed problem in time, and nothing is left."""

from pathlib import Path

import pytest

from tests.e2e.fault_run import Report, run

pytestmark = pytest.mark.e2e

SLACK_S = 1.0
"""What is promised is a tenth of a second after the deadline, on a machine that isn't busy with other tests; that is
what bench/faults.py tells."""
RSS_GROWS_MIB = 12


def assert_clean(report: Report, requests: int) -> None:
    assert report.wrong == []
    assert report.leaks == []
    assert report.unforeseen == []
    assert len(report.outcomes) == requests
    assert len(report.own_excesses_s) == requests - report.codes["left"]
    assert max(report.excesses_s) < SLACK_S


def test_three_hundred_requests(tmp_path: Path) -> None:
    report = run(tmp_path, 300, seed=1, until_pools_close=False)
    assert_clean(report, 300)
    assert min(report.faults.values()) > 0
    assert 150 < report.codes["ok"] < 300


@pytest.mark.soak
def test_ten_thousand_requests(tmp_path: Path) -> None:
    report = run(tmp_path, 10_000, seed=2, until_pools_close=True)
    assert_clean(report, 10_000)
    assert sum(report.faults.values()) >= 1000
    assert report.codes["ok"] > 5000
    assert report.served(lambda meta: meta.get("attempts")), "no answer after a failed try"
    assert report.served(lambda meta: meta["cache"] == "shared"), "no answer was shared"
    assert report.served(lambda meta: meta["timing"]["queue_ms"] > 100), "nobody waited in a queue"
    failures = {"unavailable", "busy", "timeout", "protocol_error", "rejected"}
    assert {"deadline_exceeded", "left", *(f"backend_{failure}" for failure in failures)} <= set(report.codes)
    first, last = report.rss_mib.values()
    assert last - first < RSS_GROWS_MIB
