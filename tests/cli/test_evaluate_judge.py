"""`copydesk eval judge`: scripted judges of known bias over runs of known quality."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from cli.main import app
from eval.judging.labelled import LabelledPair
from eval.judging.pair import Preference
from eval.report import Report
from tests.eval.judging.judges import LABELLED, Rule, always_first, longer, right, right_mostly, script
from tests.eval.planted import Bench, cases_of, planted_prompts, script_of, suite_of, write_cases

CASES = cases_of(40)
METRICS = {"answered": {"gate": True}, "facts_stated": {"gate": True}}
CRITERION = "States what the document says, and nothing that it doesn't say, as the request asks for it."
FIRST = [{"answer": {"reason": "It is first.", "better": "first"}}]

Call = Callable[..., Result]
Planted = Callable[[str, int], str]


def without_numbers(reference: str, number: int) -> str:
    return "".join(letter for letter in reference if not letter.isdigit())


def reworded(reference: str, number: int) -> str:
    return f"In short: {reference}"


def sometimes_without(reference: str, number: int) -> str:
    return reference if number % 10 else without_numbers(reference, number)


def compared(planted: Planted, better: Preference) -> list[LabelledPair]:
    """The pairs of a run, and which of their answers is better."""
    return [
        LabelledPair(
            id=case["id"],
            language="en",
            request="",
            text=case["input"]["text"],
            criterion=CRITERION,
            baseline=case["expected"]["references"][0],
            candidate=planted(case["expected"]["references"][0], number),
            better=better,
            why="as it was planted",
        )
        for number, case in enumerate(CASES)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of two versions, and of three; the answers of the second one are as planted."""
    folder = tmp_path_factory.mktemp("judged")
    prompts = planted_prompts(folder / "prompts")
    data = write_cases(folder / "eval" / "datasets", CASES)
    suite = suite_of(name="summarize", metrics=METRICS)
    (folder / "eval" / "suites").mkdir()
    kept = {name: value for name, value in suite.model_dump(include={"task", "datasets", "metrics"}).items() if value}
    (folder / "eval" / "suites" / "summarize.yaml").write_text(yaml.safe_dump({**kept, "datasets": ["summarize"]}))
    for name, planted in {"worse": without_numbers, "reworded": reworded, "sometimes": sometimes_without}.items():
        Bench(prompts, data, script_of(CASES, planted), suite=suite).run(folder / f"{name}.jsonl")
    three = Bench(prompts, data, script_of(CASES, reworded), suite=suite, versions=("1.3.0", "1.4.0", "1.1.0"))
    three.run(folder / "three.jsonl")
    Bench(prompts, data, script_of(CASES), suite=suite, versions=("1.3.0",)).run(folder / "one.jsonl")
    lines = (folder / "worse.jsonl").read_text().splitlines(keepends=True)
    (folder / "unfinished.jsonl").write_text("".join(lines[:20]))
    return folder


@pytest.fixture
def call(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The command in a copy of that folder."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    configured(FIRST)

    def run(*words: str) -> Result:
        words = ("eval", "judge", *words)
        monkeypatch.setattr("sys.argv", ["copydesk", *words])
        return CliRunner().invoke(app, words)

    return run


def configured(answers: Sequence[Mapping[str, Any]], **others: Any) -> None:
    backends = {"large": {"kind": "scripted", "answers": list(answers), "retries": 0}, **others}
    Path("copydesk.yaml").write_text(yaml.safe_dump({"backends": backends}, allow_unicode=True, sort_keys=False))


def judge_of(rule: Rule, planted: Planted, better: Preference) -> list[Mapping[str, Any]]:
    """A judge that follows the rule over the labelled pairs and those of the run."""
    return script(rule, [*LABELLED, *compared(planted, better)])


@pytest.mark.parametrize(
    ("run", "planted", "better", "code", "told"),
    [
        pytest.param(
            "worse",
            without_numbers,
            Preference.BASELINE,
            1,
            ["REGRESSED: summarize@1.4.0, compared with summarize@1.3.0, judged by script (scripted)",
             "0 wins, 0 ties, 40 losses; 0% of them flipped with the order", "40 cases worse, 0 cases better:",
             "The suite's own metrics say REGRESSED, by facts_stated: the exit code is the judge's alone",
             "before: The council closes bridge 000 for 1000 euros."],
            id="each case lost",
        ),
        pytest.param(
            "reworded", reworded, Preference.TIE, 0, ["PASS: ", "0 wins, 40 ties, 0 losses; 0% of"], id="ties"
        ),
        pytest.param("reworded", reworded, Preference.CANDIDATE, 0, ["PASS: ", "40 wins, 0 ties"], id="each case won"),
        pytest.param(
            "sometimes",
            sometimes_without,
            Preference.BASELINE,
            3,
            ["INCONCLUSIVE: ", "0 wins, 36 ties, 4 losses, 36 of them plain without the judge; 0% of the pairs that",
             "cases would settle it"],
            id="some lost",
        ),
    ],
)  # fmt: skip
def test_a_judge_that_agrees_with_people_decides(
    call: Call, run: str, planted: Planted, better: Preference, code: int, told: list[str]
) -> None:
    configured(judge_of(right, planted, better))
    done = call(f"{run}.jsonl", "--judge", "large", "--mode", "live")
    assert done.exit_code == code, done.output
    for text in [*told, "agreement with people: kappa 1.00 over 40 of 40 labelled pairs; flips 0%"]:
        assert text in done.stdout
    assert "judge: " in done.stderr
    assert not Path("eval/recordings").exists()


@pytest.mark.parametrize(
    ("rule", "kappa", "counts"),
    [
        pytest.param(always_first, "0.00", "0 wins, 40 ties, 0 losses; 100% of them flipped", id="first"),
        pytest.param(longer, "0.15", "0 wins, 0 ties, 40 losses; 0% of them flipped", id="longer"),
        pytest.param(right_mostly(0.7, LABELLED), "0.52", "40 wins, 0 ties, 0 losses", id="right in 70 %"),
    ],
)
def test_a_judge_that_does_not_agree_with_people_may_not_decide(
    call: Call, rule: Rule, kappa: str, counts: str
) -> None:
    configured(judge_of(rule, without_numbers, Preference.BASELINE))
    done = call("worse.jsonl", "-j", "large", "--mode", "live", "--out", "out")
    assert done.exit_code == 3, done.output
    assert "No verdict, for this judge may not decide: summarize@1.4.0, compared with" in done.stdout
    assert counts in done.stdout
    assert f"kappa {kappa} over 40 of 40" in done.stdout
    assert "decides nothing: kappa must be 0.6 or more" in done.stdout
    report = Report.model_validate_json(Path("out/report.json").read_text())
    metric = report.comparisons[0].metrics[0]
    assert (metric.metric, metric.gated) == ("judged", False)
    assert not [flip for flip in report.comparisons[0].flips if flip.metric == "judged"]


def test_the_reports_have_the_judged_metric_and_the_kappa_beside_the_suites_metrics(call: Call) -> None:
    configured(judge_of(right_mostly(0.9, LABELLED), reworded, Preference.TIE))
    done = call("reworded.jsonl", "-j", "large", "--mode", "live", "--out", "out")
    assert done.exit_code == 0, done.output
    report = Report.model_validate_json(Path("out/report.json").read_text())
    (comparison,) = report.comparisons
    assert [(each.metric, each.gated) for each in comparison.metrics] == [
        ("judged", True),
        ("answered", True),
        ("facts_stated", True),
    ]
    assert [each.judge_agreement for each in report.variants] == [pytest.approx(0.84, abs=0.01)] * 2
    assert report.cases[0].answers[0].values["judged"] is not None
    title = "Judged by script (kappa 0.84)"
    assert report.metric("judged").title == title
    for name in ("report.html", "report.md", "junit.xml"):
        assert title in Path("out", name).read_text()
    assert "Judge’s agreement" in Path("out/report.html").read_text()
    assert f"written: {Path('out/report.html')}" in done.stderr


def test_what_was_judged_is_recorded_and_calibrates_the_judge_for_other_runs(call: Call) -> None:
    answers = [
        *judge_of(right, without_numbers, Preference.BASELINE),
        *script(right, compared(reworded, Preference.TIE)),
    ]
    configured(answers)
    lacks = call("worse.jsonl", "-j", "large")
    assert lacks.exit_code == 4, lacks.output
    assert "80 of 80 pairs need recording, into eval/recordings/judge/large.jsonl:" in lacks.stderr
    assert "copydesk eval judge worse.jsonl -j large --mode record-missing" in lacks.stderr
    assert call("worse.jsonl", "-j", "large", "--mode", "record-missing").exit_code == 1
    recorded = Path("eval/recordings/judge/large.jsonl").read_bytes()
    assert recorded.count(b"\n") == 1 + 2 * 80
    again = call("worse.jsonl", "-j", "large")
    assert (again.exit_code, "40 losses" in again.stdout) == (1, True)
    other = call("reworded.jsonl", "-j", "large")
    assert (other.exit_code, "40 of 80 pairs need recording" in other.stderr) == (4, True)
    assert call("reworded.jsonl", "-j", "large", "--mode", "record-missing").exit_code == 0
    assert set(recorded.splitlines()) < set(Path("eval/recordings/judge/large.jsonl").read_bytes().splitlines())
    Path("copydesk.yaml").write_text(
        yaml.safe_dump({"backends": {"kept": {"kind": "replay", "path": "eval/recordings/judge/large.jsonl"}}})
    )
    assert call("reworded.jsonl", "-j", "kept").exit_code == 0


def test_a_sample_and_one_of_three_variants(call: Call) -> None:
    done = call("three.jsonl", "-j", "large", "--mode", "live", "--candidate", "1.4.0", "--limit", "10")
    assert done.exit_code == 3, done.output
    assert "10 of 40 cases are judged" in done.stderr
    assert "0 wins, 10 ties, 0 losses; 100% of them flipped" in done.stdout
    turned = call(
        "three.jsonl",
        "-j",
        "large",
        "--mode",
        "live",
        "--baseline",
        "summarize@1.4.0",
        "--candidate",
        "summarize@1.3.0",
    )
    assert "summarize@1.3.0, compared with summarize@1.4.0" in turned.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(["worse.jsonl"], "Missing option", id="no judge"),
        pytest.param(
            ["worse.jsonl", "-j", "gpu"], "--judge: there is no backend 'gpu'; the backends are large", id="backend"
        ),
        pytest.param(["worse.jsonl", "-j", "same"], "script (scripted) can't judge its own answers", id="same model"),
        pytest.param(["one.jsonl", "-j", "large"], "it has one variant, summarize@1.3.0", id="one variant"),
        pytest.param(["unfinished.jsonl", "-j", "large"], "the run isn't finished: 19 of 80", id="unfinished"),
        pytest.param(
            ["worse.jsonl", "-j", "large", "--candidate", "2.0.0"],
            "it has no variant '2.0.0': name one of summarize@1.3.0; summarize@1.4.0",
            id="unknown variant",
        ),
        pytest.param(
            ["worse.jsonl", "-j", "large", "--candidate", "1.3.0"], "is the baseline and the candidate", id="itself"
        ),
        pytest.param(
            ["three.jsonl", "-j", "large"], "with --candidate: summarize@1.4.0; summarize@1.1.0", id="which of two"
        ),
        pytest.param(["absent.jsonl", "-j", "large"], "absent.jsonl: the run file cannot be read", id="no file"),
        pytest.param(["copydesk.yaml", "-j", "large"], "copydesk.yaml:1: not the header", id="no run file"),
        pytest.param(["worse.jsonl", "-j", "away"], "failed as its script says", id="away"),
        pytest.param(["worse.jsonl", "-j", "large", "--suite", "rewrite"], "the runs are of summarize", id="suite"),
        pytest.param(["worse.jsonl", "-j", "large", "-d", "bare"], "judge_pairwise", id="no prompt"),
        pytest.param(["worse.jsonl", "-j", "large", "--mode", "fast"], "is not one of", id="mode"),
        pytest.param(["worse.jsonl", "-j", "large", "--data", "wrong"], "pairs.jsonl:1: id: ", id="labelled pairs"),
        pytest.param(["worse.jsonl", "-j", "large", "--out", "copydesk.yaml/x"], "cannot be written", id="out"),
    ],
)
def test_a_wrong_call_is_told_and_ends_with_2(call: Call, words: list[str], told: str) -> None:
    same = {"kind": "scripted", "answers": script_of(CASES, without_numbers)}
    configured(FIRST, same=same, away={"kind": "scripted", "answers": [{"fail": "unavailable"}], "retries": 0})
    for name in ("summarize_map", "partials"):
        shutil.copytree(Path("prompts", name), Path("bare", name))
    Path("wrong/judge").mkdir(parents=True)
    Path("wrong/judge/pairs.jsonl").write_text("{}\n")
    done = call(*words, *([] if "--mode" in words else ["--mode", "live"]))
    assert done.exit_code == 2, done.output
    assert told in " ".join(done.output.split())
    assert "Traceback" not in done.output
