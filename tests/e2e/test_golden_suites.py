"""The golden suites, replayed from the recordings that are committed: no model is there, and each production label's
evidence comes out again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chains.prompts.lifecycle.evidence import Verdict, read_evidence
from chains.strict_yaml import load_yaml
from tests.conftest import ROOT, require_embedded

pytestmark = pytest.mark.e2e

PROMPTS = ROOT / "prompts"
SERVED = {
    name: targets["production"] for name, targets in load_yaml((PROMPTS / "labels.yaml").read_text("utf-8")).items()
}
CODES = {Verdict.PASS: 0, Verdict.REGRESSED: 1, Verdict.INCONCLUSIVE: 3}


@pytest.mark.parametrize("task", sorted(SERVED))
def test_the_evidence_of_what_production_serves_comes_out_again(task: str, tmp_path: Path) -> None:
    require_embedded()  # its file is what the recordings are of
    record = read_evidence(PROMPTS, task, SERVED[task])
    assert record is not None
    assert record.baseline is not None, "production serves a version that was never evaluated"
    command = ["eval", "gate", f"{task}@{record.version}", "--baseline", record.baseline.version, "--no-evidence"]
    files = ["--run", str(tmp_path / "run.jsonl"), "--out", str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COPYDESK_")}
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *command, *files],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == CODES[record.verdict], done.stdout + done.stderr
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    (comparison,) = report["comparisons"]
    found = {metric["metric"]: metric for metric in comparison["metrics"] if metric["gated"]}
    assert found.keys() == {metric.name for metric in record.metrics}
    for metric in record.metrics:
        told = {name: found[metric.name][name] for name in ("baseline", "candidate", "difference", "lower", "upper")}
        assert told == pytest.approx({name: getattr(metric, name) for name in told}, abs=1e-9), metric.name
        assert (found[metric.name]["verdict"], found[metric.name]["cases"]) == (metric.verdict.value, metric.cases)
    assert {variant["source"] for variant in report["variants"]} == {"recorded"}
