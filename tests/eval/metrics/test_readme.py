"""The table of metrics in eval/metrics/README.md is what the code says."""

from eval.metrics.table import metrics_of
from tests.conftest import ROOT

TASKS = ("summarize", "rewrite", "generate", "classify", "extract")


def test_every_metric_has_its_row() -> None:
    text = (ROOT / "eval" / "metrics" / "README.md").read_text(encoding="utf-8")
    metrics = {name: metric for task in reversed(TASKS) for name, metric in metrics_of(task).items()}
    rows = {line for line in text.splitlines() if line.startswith("| `") and line.count("|") == 6}
    expected = {
        f"| `{name}` | {', '.join(one.tasks) or 'all tasks'} | {one.kind.value} | {one.best:g} | {one.description} |"
        for name, one in metrics.items()
    }
    assert rows == expected
