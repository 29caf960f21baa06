"""Subjects: each is known by one name, and what is installed is what is pinned."""

import json
from pathlib import Path

import pytest

from bench.side_by_side.bench import Bench
from bench.side_by_side.installing import chosen
from bench.side_by_side.results import row
from bench.side_by_side.sections.judged import Figures
from bench.side_by_side.subjects.chat import completion
from bench.side_by_side.subjects.direct import Direct
from bench.side_by_side.subjects.environments import NodeEnvironment, PythonEnvironment, Uv
from bench.side_by_side.subjects.every import every_subject
from bench.side_by_side.subjects.subject import TEXT, MissingSubject, Subject


class Absent(Direct):
    """A peer whose installation fails."""

    name = "absent"

    def installed(self) -> str | None:
        return None

    def install(self) -> None:
        raise MissingSubject("`uv pip install ...` ended with 2: no such version")


def bench(folder: Path, *, quick: bool = False) -> Bench:
    subjects: dict[str, Subject] = {each.name: each for each in (Direct(), Absent())}
    return Bench(quick=quick, rounds=3, seconds=1, subjects=subjects, folder=folder)


def test_every_subject_has_a_name_of_its_own() -> None:
    names = [subject.name for subject in every_subject()]
    assert names[:2] == ["direct", "copydesk"]
    assert len(set(names)) == len(names) == 7


@pytest.mark.parametrize(
    ("quick", "reason"),
    [
        (False, "it can't be installed: `uv pip install ...` ended with 2: no such version"),
        (True, "it isn't installed; `make bench` without --quick does that, once"),
    ],
)
def test_a_peer_that_is_not_there_is_told(tmp_path: Path, quick: bool, reason: str) -> None:
    made = bench(tmp_path, quick=quick)
    chosen(made, install=not quick)
    assert made.missing == {"absent": reason}
    assert list(made.subjects) == ["direct"]


@pytest.mark.parametrize(
    ("environment", "kept", "version"),
    [
        (PythonEnvironment("x", ["a==1.2", "b==3"]), ["a==1.2", "b==3"], "1.2"),
        (PythonEnvironment("x", ["a==1.2", "b==3"]), ["a==1.2", "b==4"], None),
        (PythonEnvironment("x", ["a[more]==1.2"]), ["a==1.2"], None),
        (PythonEnvironment("x", ["a==1.2"]), None, None),
        (NodeEnvironment("x", "@a/b@1.2", {"c": "3"}), ["@a/b@1.2", "c@3"], "1.2"),
        (NodeEnvironment("x", "@a/b@1.2", {"c": "4"}), ["@a/b@1.2", "c@3"], None),
    ],
)
def test_an_environment_is_used_again_where_its_pins_are_the_same(
    tmp_path: Path, environment: PythonEnvironment | NodeEnvironment, kept: list[str] | None, version: str | None
) -> None:
    environment.folder = tmp_path
    if kept is not None:
        (tmp_path / "installed.json").write_text(json.dumps(kept))
    assert environment.installed() == version


@pytest.mark.parametrize("kept", ["", '["a==1', "\0"])
def test_an_environment_whose_installation_was_cut_off_is_none(tmp_path: Path, kept: str) -> None:
    environment = PythonEnvironment("x", ["a==1.2"])
    environment.folder = tmp_path
    (tmp_path / "installed.json").write_text(kept)
    assert environment.installed() is None


def test_an_installer_that_cannot_be_had_is_tried_once(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho tried >> {tmp_path}/tries\necho no network >&2\nexit 3\n")
    python.chmod(0o755)
    uv = Uv(tmp_path / "uv", str(python))
    for _ in range(3):
        with pytest.raises(MissingSubject, match=r"`python -m venv \.\.\.` ended with 3: no network"):
            uv.program()
    assert (tmp_path / "tries").read_text() == "tried\n"


def test_an_installer_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingSubject, match=r"`no-python -m venv \.\.\.` can't be started: No such file"):
        Uv(tmp_path / "uv", "/nowhere/no-python").program()


def test_an_installer_that_is_there_is_used(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "uv").write_text("")
    assert Uv(tmp_path, "no python").program() == str(tmp_path / "bin" / "uv")


def test_each_takes_its_turn_in_every_round_in_orders_that_differ(tmp_path: Path) -> None:
    turns = list(bench(tmp_path).taking_turns(list("abcdef"), 4))
    rounds = [turns[begin : begin + 6] for begin in range(0, 24, 6)]
    assert all(sorted(each) == list("abcdef") for each in rounds)
    assert len({tuple(each) for each in rounds}) > 1


def test_a_chat_has_the_text_once() -> None:
    body = completion("/v1/chat/completions", "canned", {}).body
    assert body.count(TEXT) == 1
    assert json.loads(body)["model"] == "canned"


@pytest.mark.parametrize(
    ("ours", "theirs", "ratio", "more", "most"),
    [(10.0, 2.0, True, False, False), (4.0, 3.0, False, True, True), (None, 3.0, False, False, False)],
)
def test_aims_are_judged_by_medians(ours: float | None, theirs: float, ratio: bool, more: bool, most: bool) -> None:
    found = {"a": ours, "b": theirs}
    rows = [row("s", name, "c", "m", "ms", [value]) for name, value in found.items() if value is not None]
    figures = Figures(rows)
    assert figures.times("t", "a", "b", "c", bound=5, metric="m").met is ratio
    assert figures.above("t", "a", "b", "c", bound=1, metric="m", unit="ms").met is more
    aim = figures.at_most("t", "a", "c", "m", bound=4, unit="ms")
    assert (aim.met, aim.measured) == (most, "not measured" if ours is None else f"{ours:.2f} ms")
