"""Starting Copydesk as the sections do that need no load: until it is ready, with what it then holds."""

from pathlib import Path

import pytest

from bench.side_by_side.processes import members
from bench.side_by_side.services import OLLAMA, imported_modules, serving, starts
from bench.side_by_side.subjects.subject import MissingSubject

pytestmark = pytest.mark.e2e


def test_only_the_first_start_finds_no_database(tmp_path: Path) -> None:
    first, second = starts(OLLAMA, tmp_path, rounds=1)
    assert [first.database_was_there, second.database_was_there] == [False, True]
    for start in (first, second):
        assert start.cpu_s > 0
        assert start.seconds > 0
        assert start.service_mib > 20
        assert start.model_mib == 0
    assert (tmp_path / "copydesk.db").is_file()


def test_a_service_answers_and_is_gone_afterwards(tmp_path: Path) -> None:
    with serving({"kind": "scripted", "answers": [{"answer": "Read."}]}, tmp_path) as service:
        assert service.endpoint.post("/v1/summarize", {"text": "Some text."}).good()["summary"] == "Read."
        assert service.pid in members(service.pid)
    assert members(service.pid) == []


def test_a_service_that_cannot_start_tells_why(tmp_path: Path) -> None:
    backend = {"kind": "replay", "path": str(tmp_path / "none.jsonl")}
    with pytest.raises(MissingSubject, match=r"it ended with 2: .*none\.jsonl"), serving(backend, tmp_path):
        pass


def test_modules_are_counted_in_a_process_of_their_own(tmp_path: Path) -> None:
    assert 500 < imported_modules(tmp_path) < 5000
    assert [path.name for path in tmp_path.iterdir()] == ["copydesk.yaml"]
