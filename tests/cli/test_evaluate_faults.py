"""`copydesk eval` on what is damaged or half there: never a verdict, never a loss of what was paid for."""

from collections.abc import Callable
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from cli.evaluate.exits import errors_as_exit_codes
from cli.main import app
from eval.run_file import read_run
from tests.eval.planted import cases_of, evaluation_folder, planted_prompts, script_of

CASES = cases_of(30)
SUITE = {"task": "summarize", "datasets": ["summarize"], "metrics": {"answered": {"gate": True}}}

Call = Callable[..., Result]


@pytest.fixture(scope="module")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted_prompts(tmp_path_factory.mktemp("planted") / "prompts")


@pytest.fixture
def call(tmp_path: Path, prompts: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.chdir(tmp_path)
    evaluation_folder(prompts, CASES, SUITE)
    backends = {
        "script": {"kind": "scripted", "answers": script_of(CASES), "retries": 0},
        "old": {"kind": "replay", "path": "old.jsonl"},
    }
    Path("copydesk.yaml").write_text(yaml.safe_dump({"backends": backends, "routes": {"default": ["script"]}}))

    def run(*words: str) -> Result:
        monkeypatch.setattr("sys.argv", ["copydesk", "eval", *words])
        return CliRunner().invoke(app, ["eval", *words])

    return run


def run_file(call: Call, *words: str) -> Path:
    done = call("run", "summarize", "-p", "1.3.0", "-b", "script", "--mode", "live", "--run", "run.jsonl", *words)
    assert done.exit_code == 0, done.output
    return Path("run.jsonl")


def test_an_outcome_of_an_unknown_case_is_no_regression(call: Call) -> None:
    path = run_file(call)
    path.write_text(path.read_text().replace('"case-003"', '"case-zzz"'))
    for words in (["compare", "run.jsonl", "run.jsonl"], ["report", "run.jsonl", "-f", "markdown"]):
        done = call(*words)
        assert done.exit_code == 2, done.output
        assert "run.jsonl: it has outcomes of cases that its datasets don't have: 'case-zzz'" in done.stderr


def test_a_fault_is_no_regression(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as raised, errors_as_exit_codes():
        raise KeyError("a fault")
    assert raised.value.exit_code == 2
    assert "KeyError: 'a fault'" in capsys.readouterr().err


def test_what_the_system_refuses_is_told_with_its_place(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(typer.Exit) as raised, errors_as_exit_codes():
        (tmp_path / "absent").stat()
    assert raised.value.exit_code == 2
    assert capsys.readouterr().err == f"copydesk: {tmp_path / 'absent'}: No such file or directory\n"


def test_a_verdict_and_a_wrong_call_stay_what_they_are() -> None:
    with pytest.raises(typer.Exit) as raised, errors_as_exit_codes():
        raise typer.Exit(3)
    assert raised.value.exit_code == 3
    with pytest.raises(typer.BadParameter), errors_as_exit_codes():
        raise typer.BadParameter("x")
    with pytest.raises(BrokenPipeError), errors_as_exit_codes():  # a reader such as `head` has enough
        raise BrokenPipeError


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b"", "summarize: the dataset has no cases", id="empty"),
        pytest.param(b"{}\n\xff\n", "golden.jsonl:2: the dataset is not UTF-8: invalid start byte", id="not UTF-8"),
        pytest.param(b"\n", "golden.jsonl:1: Invalid JSON", id="empty line"),
    ],
)
def test_a_dataset_that_is_none(call: Call, content: bytes, told: str) -> None:
    Path("eval/datasets/summarize/golden.jsonl").write_bytes(content)
    done = call("run", "summarize", "--mode", "live")
    assert done.exit_code == 2, done.output
    assert told in done.stderr


def test_a_replaying_backend_that_lacks_answers_costs_no_answer_of_another(call: Call) -> None:
    recorded = ["run", "summarize", "-p", "1.3.0", "-b", "script", "--recordings", "old.jsonl"]
    assert call(*recorded, "--mode", "record-missing").exit_code == 0
    whole = Path("old.jsonl").read_text()
    Path("old.jsonl").write_text("".join(whole.splitlines(keepends=True)[:11]))
    words = ["run", "summarize", "-p", "1.3.0", "-b", "script", "-b", "old", "--mode", "live", "--run", "both.jsonl"]
    done = call(*words)
    assert done.exit_code == 4, done.output
    assert "20 of 60 answers aren't recorded, and old replays" in done.stderr
    assert len(read_run(Path("both.jsonl")).outcomes) == 40
    Path("old.jsonl").write_text(whole)
    assert call(*words, "--resume").exit_code == 0
    sources = {(place[0], outcome.source.value) for place, outcome in read_run(Path("both.jsonl")).outcomes.items()}
    assert sources == {("summarize@1.3.0 on script", "measured"), ("summarize@1.3.0 on old", "recorded")}


def test_a_threshold_that_is_not_kept_has_the_last_word(call: Call) -> None:
    bounds = {"thresholds": {"compression": {"at_most": 0.1}}}
    Path("eval/suites/summarize.yaml").write_text(yaml.safe_dump({**SUITE, **bounds}))
    done = call("gate", "summarize@1.4.0", "--mode", "live", "-b", "script", "--no-evidence")
    assert done.exit_code == 1, done.output
    assert "PASS: summarize@1.4.0, compared with summarize@1.3.0" in done.stdout
    assert done.stdout.splitlines()[-1] == "REGRESSED: a threshold of the suite isn't kept"
    Path("eval/suites/summarize.yaml").write_text(yaml.safe_dump(SUITE))
    kept = call("gate", "summarize@1.4.0", "--mode", "live", "-b", "script", "--no-evidence")
    assert (kept.exit_code, "REGRESSED" in kept.stdout) == (0, False)
