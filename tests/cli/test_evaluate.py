"""`copydesk eval`: verdicts as exit codes, evidence that promotion takes, recordings, and what wrong calls are told."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from chains.prompts.lifecycle.evidence import Basis, Promotion, Verdict, read_evidence, write_evidence
from cli.main import app
from eval.report import Report
from eval.run_file import read_run
from tests.eval.planted import cases_of, evaluation_folder, planted_prompts, script_of, write_cases

CASES = cases_of(40)
SUITE = {
    "task": "summarize",
    "datasets": ["summarize"],
    "metrics": {"answered": {"gate": True}, "facts_stated": {"gate": True}, "compression": None},
}

Call = Callable[..., Result]


@pytest.fixture(scope="module")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted_prompts(tmp_path_factory.mktemp("planted") / "prompts")


@pytest.fixture
def call(tmp_path: Path, prompts: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The command in a folder of its own: 40 cases, a suite of two gated metrics, prompts with a draft 1.4.0."""
    monkeypatch.chdir(tmp_path)
    evaluation_folder(prompts, CASES, SUITE)
    configured(script_of(CASES))

    def run(*words: str) -> Result:
        monkeypatch.setattr("sys.argv", ["copydesk", *words])
        return CliRunner().invoke(app, words)

    return run


def configured(script: Sequence[Mapping[str, Any]], **others: Any) -> None:
    backends = {"script": {"kind": "scripted", "answers": list(script), "retries": 0}, **others}
    text = yaml.safe_dump({"backends": backends}, allow_unicode=True, sort_keys=False)
    Path("copydesk.yaml").write_text(text)


def same(reference: str, number: int) -> str:
    return reference


def without_numbers(reference: str, number: int) -> str:
    return "".join(letter for letter in reference if not letter.isdigit())


def sometimes_without(reference: str, number: int) -> str:
    return reference if number % 10 else without_numbers(reference, number)


@pytest.mark.parametrize(
    ("planted", "code", "verdict"),
    [
        pytest.param(same, 0, Verdict.PASS, id="the same"),
        pytest.param(without_numbers, 1, Verdict.REGRESSED, id="without numbers"),
        pytest.param(sometimes_without, 3, Verdict.INCONCLUSIVE, id="four without"),
    ],
)
def test_the_verdict_is_the_exit_code_and_in_the_record(
    call: Call, planted: Callable[[str, int], str], code: int, verdict: Verdict
) -> None:
    configured(script_of(CASES, planted))
    done = call("eval", "gate", "summarize@1.4.0", "--mode", "live", "--out", "out")
    assert done.exit_code == code, done.output
    assert f"{verdict.value}: summarize@1.4.0, compared with summarize@1.3.0" in done.stdout
    record = read_evidence(Path("prompts"), "summarize", "1.4.0")
    assert record is not None
    assert (record.verdict, record.baseline and record.baseline.version) == (verdict, "1.3.0")
    assert [metric.name for metric in record.metrics] == ["answered", "facts_stated"]
    assert (record.backend_kind, record.model, record.suite) == ("scripted", "script", "summarize")
    report = Report.model_validate_json(Path("out/report.json").read_text())
    assert report.verdict is verdict
    if verdict is Verdict.REGRESSED:
        assert "40 cases worse, 0 cases better:" in done.stdout
        assert "case-000: facts_stated 1 -> 0" in done.stdout
        assert "before: The council closes bridge 000 for 1000 euros." in done.stdout
    if verdict is Verdict.INCONCLUSIVE:
        assert "cases would settle it" in done.stdout


def test_an_edited_version_is_released_gated_and_promoted(call: Call) -> None:
    refused = call("prompts", "promote", "summarize", "1.4.0")
    assert "is a draft" in str(refused.exception)
    assert call("prompts", "release", "summarize", "1.4.0").exit_code == 0
    unproven = str(call("prompts", "promote", "summarize", "1.4.0").exception)
    assert "there is no evidence for summarize@1.4.0 (evaluate it with copydesk eval gate" in unproven
    gated = call("eval", "gate", "summarize", "1.4.0", "--mode", "live")
    assert gated.exit_code == 0, gated.output
    assert "evidence: prompts/evidence/summarize/1.4.0.json" in gated.stdout
    assert gated.stdout.splitlines()[-1] == "next: copydesk prompts promote summarize 1.4.0"
    promoted = call("prompts", "promote", "summarize", "1.4.0")
    assert promoted.exit_code == 0, promoted.output
    assert "Basis: evidence" in promoted.stdout
    assert yaml.safe_load(Path("prompts/labels.yaml").read_text())["summarize"]["production"] == "1.4.0"
    again = call("eval", "gate", "summarize@1.4.0", "--mode", "live", "--baseline", "1.3.0")
    assert (
        again.exit_code,
        "it compares with summarize@1.3.0, but production serves summarize@1.4.0" in again.stderr,
    ) == (
        0,
        True,
    )


def test_a_draft_is_gated_before_its_release(call: Call) -> None:
    done = call("eval", "gate", "summarize@1.4.0", "--mode", "live", "--data", "eval/datasets", "-d", "prompts")
    assert done.stdout.splitlines()[-2:] == [
        "next: copydesk prompts release summarize 1.4.0 --dir prompts",
        "next: copydesk prompts promote summarize 1.4.0 --dir prompts --datasets eval/datasets",
    ]
    for line in done.stdout.splitlines()[-2:]:
        assert call(*line.split()[2:]).exit_code == 0


def test_a_regressed_version_is_not_promoted(call: Call) -> None:
    configured(script_of(CASES, without_numbers))
    call("prompts", "release", "summarize", "1.4.0")
    assert call("eval", "gate", "summarize@1.4.0", "--mode", "live").exit_code == 1
    refused = str(call("prompts", "promote", "summarize", "1.4.0").exception)
    assert "the verdict is REGRESSED, by facts_stated" in refused


def test_a_record_keeps_its_promotions(call: Call) -> None:
    record = read_evidence(Path("prompts"), "summarize", "1.3.0")
    assert record is not None
    promotion = Promotion(label="canary", percent=5, basis=Basis.FORCED, reason="x", promoted_at=record.created_at)
    write_evidence(Path("prompts"), record.with_promotions([*record.promotions, promotion]))
    done = call("eval", "gate", "summarize@1.1.0", "--mode", "live", "--baseline", "production")
    assert done.exit_code == 0, done.output
    again = call("eval", "gate", "summarize@1.1.0", "--mode", "live")
    assert again.exit_code == 0
    kept = read_evidence(Path("prompts"), "summarize", "1.3.0")
    assert kept is not None
    assert len(kept.promotions) == len(record.promotions) + 1
    other = read_evidence(Path("prompts"), "summarize", "1.1.0")
    assert other is not None
    assert other.verdict is Verdict.PASS


def test_the_record_of_the_candidate_keeps_its_promotions(call: Call) -> None:
    before = read_evidence(Path("prompts"), "summarize", "1.0.0")
    assert before is not None
    assert before.promotions
    assert call("eval", "gate", "summarize@1.0.0", "--mode", "live").exit_code == 0
    after = read_evidence(Path("prompts"), "summarize", "1.0.0")
    assert after is not None
    assert (after.verdict, after.promotions) == (Verdict.PASS, before.promotions)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(["--baseline", "1.1.0"], "compares with summarize@1.1.0, but production serves", id="baseline"),
        pytest.param(["--backend", "other"], "was asked of script (scripted), but script", id="model"),
        pytest.param(["--suite", "sampled.yaml"], "only a sample of the cases took part", id="sample"),
        pytest.param(
            ["--suite", "two.yaml"], "about the datasets summarize, more, not about summarize alone", id="data"
        ),
    ],
)
def test_what_promotion_would_not_take_is_no_evidence(call: Call, words: list[str], told: str) -> None:
    configured(script_of(CASES), other={"kind": "scripted", "answers": [*script_of(CASES), {"answer": "other"}]})
    Path("sampled.yaml").write_text(yaml.safe_dump({**SUITE, "limit": 35}))
    Path("two.yaml").write_text(yaml.safe_dump({**SUITE, "datasets": ["summarize", "more"]}))
    more = [{**case, "id": f"more-{number}"} for number, case in enumerate(CASES)]
    write_cases(Path("eval/datasets"), more, "more")
    done = call("eval", "gate", "summarize@1.4.0", "--mode", "live", *words)
    assert done.exit_code == 0, done.output
    assert "no evidence is written: " in done.stderr
    assert told in done.stderr
    assert not Path("prompts/evidence/summarize/1.4.0.json").exists()


def test_a_laxer_suite_makes_no_evidence(call: Call) -> None:
    lax = {**SUITE, "metrics": {"answered": {"gate": True, "margin": 1.0}}}
    Path("lax.yaml").write_text(yaml.safe_dump(lax))
    done = call("eval", "gate", "summarize@1.4.0", "--suite", "lax.yaml", "--mode", "live")
    assert done.exit_code == 0, done.output
    assert "promotion goes by the metrics and thresholds of the suite summarize" in done.stderr
    assert not Path("prompts/evidence/summarize/1.4.0.json").exists()


def test_a_finished_run_that_a_model_was_asked_for_is_kept(call: Call) -> None:
    assert call("eval", "run", "summarize", "--prompt", "1.3.0", "--mode", "record").exit_code == 0
    replayed = call("eval", "run", "summarize", "--prompt", "1.3.0")
    assert "the answers of the run before are kept in .copydesk/eval/summarize.previous.jsonl" in replayed.stderr
    kept = read_run(Path(".copydesk/eval/summarize.previous.jsonl"))
    assert (kept.header.mode, kept.is_finished) == ("record", True)
    assert read_run(Path(".copydesk/eval/summarize.jsonl")).header.mode == "replay"


def test_no_evidence_is_written_where_none_is_wanted(call: Call) -> None:
    assert call("eval", "gate", "summarize@1.4.0", "--mode", "live", "--no-evidence").exit_code == 0
    assert not Path("prompts/evidence/summarize/1.4.0.json").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(["gate", "summarize"], "Missing argument VERSION", id="no version"),
        pytest.param(["gate", "summarize@9.9.9"], "has no version '9.9.9'", id="version"),
        pytest.param(["gate", "summarize@1.4.0", "--baseline", "x"], "has no label 'x'", id="label"),
        pytest.param(["gate", "summarize@1.3.0"], "production is summarize@1.3.0: there is nothing", id="the same"),
        pytest.param(["gate", "summarise@1.0.0"], "no suite 'summarise'", id="prompt"),
        pytest.param(["gate", "rewrite@1.1.0", "--suite", "summarize"], "is about summarize, not about", id="suite"),
        pytest.param(["gate", "summarize@1.4.0", "-b", "gpu"], "there is no backend 'gpu'", id="backend"),
        pytest.param(["gate", "summarize@1.4.0", "--suite", "shown.yaml"], "gates no metric", id="nothing gated"),
        pytest.param(["gate", "summarize@1.4.0", "--suite", "wrong.yaml"], "wrong.yaml:1:1: tsk", id="wrong suite"),
        pytest.param(["gate", "summarize@1.4.0", "--data", "empty"], None, id="data falls back"),
        pytest.param(
            ["gate", "summarize@1.4.0", "--out", "copydesk.yaml/x"], "the report cannot be written: Not a", id="out"
        ),
        pytest.param(["gate", "summarize@1.4.0", "--run", "copydesk.yaml"], "exists already", id="run file"),
        pytest.param(
            ["gate", "summarize@1.4.0", "--run", "copydesk.yaml", "--resume"], ":1: not the header", id="no run"
        ),
        pytest.param(["gate", "summarize@1.4.0", "--mode", "fast"], "is not one of", id="mode"),
        pytest.param(["gate", "summarize@1.4.0", "-c", "absent.yaml"], "absent.yaml", id="configuration"),
        pytest.param(["run", "absent.yaml"], "absent.yaml: the suite cannot be read", id="no suite"),
        pytest.param(["run", "summarize", "-p", "9.9.9"], "has no version '9.9.9'", id="run: version"),
        pytest.param(["run", "summarize", "--limit", "0"], "should be greater than or equal to 1", id="limit"),
        pytest.param(["compare", "summarize@1.3.0", "summarize@1.3.0"], "are the same", id="compare: the same"),
        pytest.param(["compare", "summarize", "rewrite"], "are of different tasks", id="compare: tasks"),
        pytest.param(
            ["compare", "summarize", "x.jsonl"], "compare two variants, or two run files", id="compare: mixed"
        ),
        pytest.param(["compare", "x.jsonl", "y.jsonl"], "x.jsonl: the run file cannot be read", id="compare: absent"),
        pytest.param(["compare", "summarize,heat=1", "summarize"], "parameters.heat", id="compare: parameter"),
        pytest.param(["compare", "summarize,temperature", "summarize"], "is NAME=VALUE", id="compare: no value"),
        pytest.param(["compare", "@1", "summarize"], "give TASK[@VERSION]", id="compare: no task"),
        pytest.param(["compare", "summarize:gpu", "summarize"], "there is no backend 'gpu'", id="compare: backend"),
    ],
)
def test_a_wrong_call_is_told_and_ends_with_2(call: Call, words: list[str], told: str | None) -> None:
    Path("empty").mkdir()
    Path("shown.yaml").write_text(yaml.safe_dump({**SUITE, "metrics": {"answered": None}}))
    Path("wrong.yaml").write_text("tsk: summarize\n")
    live = [] if "--mode" in words else ["--mode", "live"]
    done = call("eval", *words, *live)
    assert done.exit_code == (2 if told else 0), done.output
    assert told is None or told in done.output
    assert "Traceback" not in done.output


def test_a_backend_that_is_away_is_no_regression(call: Call) -> None:
    configured([{"when": "bridge 007", "fail": "unavailable"}, *script_of(CASES)])
    words = ["eval", "gate", "summarize@1.4.0", "--mode", "live", "--patience", "0"]
    done = call(*words)
    assert done.exit_code == 2
    assert "Backend 'script': failed as its script says" in done.stderr
    unfinished = call(*words)
    assert (unfinished.exit_code, "an unfinished run is there" in unfinished.stderr) == (2, True)


def test_recordings_are_made_and_replayed(call: Call) -> None:
    gate = ["eval", "gate", "summarize@1.4.0"]
    missing = call(*gate, "--out", "out")
    assert missing.exit_code == 4
    assert "80 of 80 answers need recording, into eval/recordings/summarize.jsonl" in missing.stderr
    assert "copydesk eval gate summarize@1.4.0 --out out --mode record-missing" in missing.stderr
    recorded = call(*gate, "--mode", "record-missing", "--run", "recorded.jsonl")
    assert recorded.exit_code == 0, recorded.output
    replayed = call(*gate, "--run", "one.jsonl")
    assert replayed.exit_code == 0, replayed.output
    assert call(*gate, "--run", "two.jsonl").exit_code == 0
    recordings, one, two = (Path(f"{name}.jsonl").read_bytes().split(b"\n")[1:] for name in ("recorded", "one", "two"))
    assert one == two == recordings
    outcome = json.loads(one[0])
    assert (outcome["source"], len(outcome["recordings"])) == ("recorded", 1)
    assert "(recorded)" in replayed.stdout
    assert "(measured)" not in replayed.stdout


def test_a_version_that_was_edited_needs_recordings_for_itself_alone(call: Call) -> None:
    gate = ["eval", "gate", "summarize@1.4.0"]
    assert call(*gate, "--mode", "record-missing").exit_code == 0
    path = Path("prompts/summarize/1.4.0.j2")
    path.write_text(path.read_text().replace("You summarize documents.", "You sum documents up."))
    missing = call(*gate, "-m", "replay", "--run", "run.jsonl")
    assert missing.exit_code == 4
    assert "40 of 80 answers need recording" in missing.stderr
    assert "copydesk eval gate summarize@1.4.0 --run run.jsonl --mode record-missing" in missing.stderr
    assert call(*gate, "--mode", "record-missing", "--run", "run.jsonl").exit_code == 0


def test_recordings_of_another_model_are_refused(call: Call) -> None:
    assert call("eval", "gate", "summarize@1.4.0", "--mode", "record").exit_code == 0
    configured([*script_of(CASES), {"answer": "another script"}])
    done = call("eval", "gate", "summarize@1.4.0")
    assert done.exit_code == 2
    assert "it was recorded from a backend with the digest" in done.stderr


def test_a_matrix_has_a_column_for_each_variant(call: Call) -> None:
    suite = {
        **SUITE,
        "matrix": {"prompts": ["1.3.0", "1.1.0"], "parameters": [{}, {"max_output_tokens": 3}]},
        "thresholds": {"answered": {"at_least": 0.9}, "compression": {"at_most": 0.2}},
    }
    Path("matrix.yaml").write_text(yaml.safe_dump(suite))
    done = call("eval", "run", "matrix.yaml", "--mode", "live", "--out", "out")
    assert done.exit_code == 1  # three tokens hold no number
    report = Report.model_validate_json(Path("out/report.json").read_text())
    names = [each.variant.name for each in report.variants]
    assert names == [
        "summarize@1.3.0",
        "summarize@1.3.0 max_output_tokens=3",
        "summarize@1.1.0",
        "summarize@1.1.0 max_output_tokens=3",
    ]
    assert [(each.baseline, each.candidate) for each in report.comparisons] == [(names[0], name) for name in names[1:]]
    assert [each.verdict for each in report.comparisons] == [Verdict.REGRESSED, Verdict.PASS, Verdict.REGRESSED]
    heading = done.stdout.splitlines()[0]
    assert all(name in heading for name in names)
    assert "not kept: compression of summarize@1.3.0 is" in done.stdout
    assert read_run(Path(".copydesk/eval/matrix.jsonl")).is_finished


def test_one_variant_is_held_against_the_thresholds(call: Call) -> None:
    suite = {**SUITE, "thresholds": {"answered": {"at_least": 0.9}}}
    Path("alone.yaml").write_text(yaml.safe_dump(suite))
    done = call("eval", "run", "alone.yaml", "--prompt", "1.3.0", "--mode", "live")
    assert done.exit_code == 0, done.output
    assert "kept: answered of summarize@1.3.0 is 100.0 %, at least 90.0 %" in done.stdout


def test_models_are_compared_by_their_backends(call: Call) -> None:
    worse = script_of(CASES, without_numbers)
    configured(script_of(CASES), small={"kind": "scripted", "answers": [{**line, "answer": "No."} for line in worse]})
    done = call("eval", "compare", "summarize@1.3.0:script", "summarize@1.3.0:small", "--mode", "live")
    assert done.exit_code == 1, done.output
    assert "REGRESSED: summarize@1.3.0 on small, compared with summarize@1.3.0 on script" in done.stdout
    recorded = call(
        "eval",
        "compare",
        "summarize@1.3.0:script",
        "summarize@1.3.0:small",
        "--mode",
        "record",
        "--recordings",
        "cassettes",
    )
    assert recorded.exit_code == 1
    assert {path.name for path in Path("cassettes").glob("*.jsonl")} == {
        "summarize-script.jsonl",
        "summarize-small.jsonl",
    }


def test_two_runs_are_compared_without_a_model(call: Call) -> None:
    for version in ("1.3.0", "1.4.0"):
        words = ("-p", version, "--mode", "live", "--run", f"{version}.jsonl")
        assert call("eval", "run", "summarize", *words).exit_code == 0
    Path("copydesk.yaml").unlink()
    done = call("eval", "compare", "1.3.0.jsonl", "1.4.0.jsonl")
    assert done.exit_code == 0, done.output
    assert "PASS: summarize@1.4.0, compared with summarize@1.3.0" in done.stdout
    again = call("eval", "compare", "1.3.0.jsonl", "1.3.0.jsonl")
    assert "PASS: summarize@1.3.0 after, compared with summarize@1.3.0 before" in again.stdout
    write_cases(Path("eval/datasets"), CASES[:39])
    changed = call("eval", "compare", "1.3.0.jsonl", "1.4.0.jsonl")
    assert (changed.exit_code, "the dataset summarize has changed since" in changed.stderr) == (2, True)


def test_a_run_of_several_variants_is_asked_for_one(call: Call) -> None:
    assert (
        call("eval", "run", "summarize", "-p", "1.3.0", "-p", "1.1.0", "--mode", "live", "--run", "r.jsonl").exit_code
        == 0
    )
    done = call("eval", "compare", "r.jsonl", "r.jsonl#summarize@1.1.0")
    assert done.exit_code == 2
    assert "name one of its variants: r.jsonl#summarize@1.3.0; r.jsonl#summarize@1.1.0" in done.stderr
    assert call("eval", "compare", "r.jsonl#summarize@1.3.0", "r.jsonl#summarize@1.1.0").exit_code == 0
