"""Parts of sections: one that can't be measured leaves what was found, and is told."""

from collections.abc import Iterator
from pathlib import Path

from bench.side_by_side.bench import Bench
from bench.side_by_side.results import Row, row
from bench.side_by_side.sections.parts import as_far_as_possible
from bench.side_by_side.subjects.subject import MissingSubject


def _part(*, ends: bool) -> Iterator[Row]:
    yield row("s", "copydesk", "c", "rate", "1/s", [1])
    if not ends:
        raise MissingSubject("no nginx")
    yield row("s", "copydesk", "c", "p50", "ms", [1])


def test_what_was_found_before_is_kept(tmp_path: Path) -> None:
    bench = Bench(quick=True, rounds=1, seconds=1, subjects={}, folder=tmp_path)
    rows = as_far_as_possible(bench, "a part", _part(ends=False))
    rows += as_far_as_possible(bench, "another", _part(ends=True))
    assert [each.metric for each in rows] == ["rate", "rate", "p50"]
    assert bench.missing == {"a part": "no nginx"}
