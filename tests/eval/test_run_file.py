"""Run files: what is kept of a run that was killed, and what a file must be to be continued."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chains.errors import ConfigurationError
from eval.outcomes import Failure, Outcome
from eval.run_file import RunHeader, open_run, read_run

DIGEST = "sha256:" + "0" * 64
VARIANTS = [
    {
        "name": f"summarize@{version}",
        "task": "summarize",
        "version": version,
        "digest": DIGEST,
        "backend": "local",
        "kind": "embedded",
        "model": "SmolLM2",
        "model_digest": DIGEST,
    }
    for version in ("1.3.0", "1.4.0")
]
HEADER: dict[str, Any] = {
    "suite": "summarize",
    "suite_digest": DIGEST,
    "datasets": [{"name": "summarize", "digest": DIGEST, "cases": 3}],
    "repeats": 2,
    "variants": VARIANTS,
    "examples": {"summarize@1.3.0": ["Ada left."]},
    "copydesk": "0.1.0",
    "created_at": "2026-11-30T10:00:00Z",
}
PLACES = [(v["name"], case, repeat) for v in VARIANTS for case in ("a", "b", "c") for repeat in (0, 1)]


def header(**others: Any) -> RunHeader:
    return RunHeader.model_validate({**HEADER, **others})


def outcome(variant: str, case: str, repeat: int) -> Outcome:
    if case == "b":
        failure = Failure(code="output_invalid", message="no JSON: \u2028 é 🎉")
        return Outcome(variant=variant, case=case, repeat=repeat, error=failure)
    return Outcome(variant=variant, case=case, repeat=repeat, output={"summary": f"{case} \u2028 é 🎉\n", "n": 1.5})


def finished(path: Path, places: list[tuple[str, str, int]]) -> bytes:
    with open_run(path, header()) as file:
        for place in places:
            file.add(outcome(*place))
        file.finish(PLACES)
    return path.read_bytes()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    finished(tmp_path / "run.jsonl", PLACES)
    run = read_run(tmp_path / "run.jsonl")
    assert run.header == header()
    assert run.is_finished
    assert [run.outcomes[place] for place in PLACES] == [outcome(*place) for place in PLACES]


def test_a_finished_file_is_the_same_in_whatever_order_the_outcomes_came(tmp_path: Path) -> None:
    shuffled = random.Random(7).sample(PLACES, len(PLACES))
    assert finished(tmp_path / "one.jsonl", PLACES) == finished(tmp_path / "other.jsonl", shuffled)


def test_a_run_that_was_cut_off_anywhere_ends_as_the_same_file(tmp_path: Path) -> None:
    whole = finished(tmp_path / "whole.jsonl", PLACES)
    path = tmp_path / "cut.jsonl"
    for end in [*range(0, len(whole), 37), *(at + 1 for at, byte in enumerate(whole) if byte == 10)]:
        path.write_bytes(whole[:end])
        with open_run(path, header(created_at="2026-11-30T10:00:00Z"), resume=True) as file:
            there = set(file.outcomes)
            assert len(there) == max(0, whole[:end].count(b"\n") - 1)
            for place in PLACES:
                if place not in there:
                    file.add(outcome(*place))
            assert read_run(path).is_finished
            file.finish(PLACES)
        assert path.read_bytes() == whole, end


def test_a_torn_line_isnt_an_outcome(tmp_path: Path) -> None:
    whole = finished(tmp_path / "run.jsonl", PLACES)
    (tmp_path / "run.jsonl").write_bytes(whole[:-1])
    run = read_run(tmp_path / "run.jsonl")
    assert len(run.outcomes) == len(PLACES) - 1
    assert run.torn
    assert not run.is_finished


def test_a_resumed_run_keeps_its_date(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with open_run(path, header()):
        pass
    with open_run(path, header(created_at="2027-01-01T00:00:00Z"), resume=True) as file:
        assert file.header == header()


OTHER_VARIANT = [VARIANTS[0], {**VARIANTS[1], "parameters": {"temperature": 0.7}, "model_digest": "sha256:" + "1" * 64}]


@pytest.mark.parametrize(
    ("others", "told"),
    [
        pytest.param({"suite_digest": "sha256:1"}, "another sample or other repeats", id="suite"),
        pytest.param(
            {"datasets": [{**HEADER["datasets"][0], "digest": "x"}]}, "dataset summarize has changed", id="data"
        ),
        pytest.param({"variants": VARIANTS[:1]}, "it has the variant summarize@1.4.0 too", id="fewer variants"),
        pytest.param(
            {"variants": [*VARIANTS, {**VARIANTS[0], "name": "x"}]}, "it has no variant x", id="more variants"
        ),
        pytest.param(
            {"variants": OTHER_VARIANT}, "summarize@1.4.0 had another model_digest, parameters", id="another model"
        ),
        pytest.param({"copydesk": "0.2.0"}, "made by Copydesk 0.1.0, and this is 0.2.0", id="version"),
    ],
)
def test_a_run_of_something_else_isnt_continued(tmp_path: Path, others: dict[str, Any], told: str) -> None:
    before = finished(tmp_path / "run.jsonl", PLACES)
    with (
        pytest.raises(ConfigurationError, match="cannot be continued") as refused,
        open_run(tmp_path / "run.jsonl", header(**others), resume=True),
    ):
        pass
    assert told in str(refused.value)
    assert (tmp_path / "run.jsonl").read_bytes() == before


@pytest.mark.parametrize("others", [{"suite": "renamed"}, {"examples": {}}, {"created_at": "2027-01-01T00:00:00Z"}])
def test_what_changes_no_outcome_doesnt_matter(tmp_path: Path, others: dict[str, Any]) -> None:
    finished(tmp_path / "run.jsonl", PLACES)
    with open_run(tmp_path / "run.jsonl", header(**others), resume=True) as file:
        assert len(file.outcomes) == len(PLACES)


def test_a_file_that_exists_is_never_overwritten(tmp_path: Path) -> None:
    before = finished(tmp_path / "run.jsonl", PLACES)
    with pytest.raises(ConfigurationError, match="exists already"), open_run(tmp_path / "run.jsonl", header()):
        pass
    assert (tmp_path / "run.jsonl").read_bytes() == before


def test_two_processes_dont_write_one_file(tmp_path: Path) -> None:
    with (
        open_run(tmp_path / "run.jsonl", header()),
        pytest.raises(ConfigurationError, match="another process writes"),
        open_run(tmp_path / "run.jsonl", header(), resume=True),
    ):
        pass


def line(**others: Any) -> str:
    return json.dumps({**outcome("summarize@1.3.0", "a", 0).model_dump(mode="json"), **others})


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        pytest.param(lambda lines: ["[]", *lines[1:]], ":1: not the header of a run file", id="no header"),
        pytest.param(lambda lines: [lines[0].replace("run-1", "run-9"), *lines[1:]], ":1: not the header", id="format"),
        pytest.param(lambda lines: [*lines[:2], "{}", *lines[2:]], ":3: no outcome: variant: Field", id="no outcome"),
        pytest.param(lambda lines: [*lines[:2], "", *lines[2:]], ":3: no outcome", id="empty line"),
        pytest.param(lambda lines: [*lines[:2], lines[1], *lines[2:]], ":3: .* stands twice", id="twice"),
        pytest.param(lambda lines: [*lines, line(variant="x")], ":14: the header knows no 'x' #0", id="variant"),
        pytest.param(lambda lines: [*lines, line(repeat=2)], ":14: the header knows no .* #2", id="repeat"),
        pytest.param(lambda lines: [*lines, line(extra=1)], ":14: no outcome: extra", id="unknown key"),
    ],
)
def test_what_is_no_run_file_is_told_with_its_line(
    tmp_path: Path, damage: Callable[[list[str]], list[str]], told: str
) -> None:
    path = tmp_path / "run.jsonl"
    lines = finished(path, PLACES).decode().split("\n")[:-1]
    path.write_text("\n".join(damage(lines)) + "\n")
    with pytest.raises(ConfigurationError, match=told):
        read_run(path)
    with pytest.raises(ConfigurationError, match=told), open_run(path, header(), resume=True):
        pass


def test_a_run_file_that_isnt_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_run(tmp_path / "run.jsonl")
    (tmp_path / "run.jsonl").write_text('{"format":')
    with pytest.raises(ConfigurationError, match="has no header"):
        read_run(tmp_path / "run.jsonl")


@pytest.mark.parametrize("content", [b"notes", b'{"format":"copydesk-run-2"', b'{"cassette":1}'])
def test_a_file_of_something_else_is_not_written_over(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    told = r"notes\.txt: cannot be continued, as it is no run file"
    with pytest.raises(ConfigurationError, match=told), open_run(path, header(), resume=True):
        pass
    assert path.read_bytes() == content
