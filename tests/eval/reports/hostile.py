"""A report whose texts try to break out of every form that it is written in."""

from eval.outcomes import Failure
from eval.report import CaseReport, Flip, Report
from tests.eval.reports.sample import sample_report

__all__ = ["HOSTILE", "hostile_report"]

HOSTILE = {
    "script": "</script><script>window.hacked = 1</script>",
    "image": '"><img src=x onerror="window.hacked = 2">',
    "comment": "<!-- <script> ]]> --> <![CDATA[ x",
    "pipe": "a | b || c \\| d",
    "backticks": "```\n# heading\n````\n~~~ `code` ``",
    "mention": "@octocat please see octo/repo#12, #34, GH-56 and mail a@b.example",
    "link": "[click](https://evil.example) https://evil.example www.evil.example ![x](https://evil.example/x.png)",
    "lines": "one\n\n| a | b |\n|---|---|\n\n</details>\n\r\n- item\rend\u2028more\u2029last",
    "right to left": "قال المدير: لا \u202etxt.exe\u202c و\u2066hidden\u2069 \u200fانتهى",
    "emoji": "👩‍👩‍👧‍👦 👍🏽 🏴󠁧󠁢󠁥󠁮󠁧󠁿 e\u0301",
    "controls": "NUL\x00 BEL\x07 ESC\x1b[31m \x7f \x85 \ufffe \uffff",
    "template": "{{ 7 * 7 }} {% raw %} ${7*7} $x^2$ \\(a\\)",
    "entity": "&lt;b&gt; &amp;amp; &#0; &nbsp",
    "long": "word " * 3000,
    "unbroken": "x" * 600,
    "empty": "",
}


def hostile_report() -> Report:
    """A REGRESSED report in which every text from outside is hostile: ids, inputs, answers, errors, names, notes."""
    report = sample_report(cases=len(HOSTILE), loss=0.9)
    names = {row.variant.name: row.variant.name + HOSTILE["script"] + "|`@octocat`" for row in report.variants}
    cases = tuple(
        _case(row, kind, text, names) for row, (kind, text) in zip(report.cases, HOSTILE.items(), strict=True)
    )
    (comparison,) = report.comparisons
    compared = {
        "baseline": names[comparison.baseline],
        "candidate": names[comparison.candidate],
        "flips": tuple(map(_flip, cases)),
        "metrics": tuple(metric.model_copy(update={"note": HOSTILE["link"]}) for metric in comparison.metrics),
    }
    variants = [
        row.model_copy(update={"variant": row.variant.model_copy(update={"name": names[row.variant.name]})})
        for row in report.variants
    ]
    described = HOSTILE["script"] + HOSTILE["link"]
    changed = {
        "suite": "suite" + HOSTILE["image"],
        "cases": cases,
        "comparisons": (comparison.model_copy(update=compared),),
        "variants": tuple(variants),
        "thresholds": tuple(t.model_copy(update={"variant": names[t.variant]}) for t in report.thresholds),
        "metrics": tuple(info.model_copy(update={"description": described}) for info in report.metrics),
    }
    return report.model_copy(update=changed)


def _case(row: CaseReport, kind: str, text: str, names: dict[str, str]) -> CaseReport:
    error = Failure(code="output_invalid", message=text) if kind == "controls" else None
    before, after = (
        answer.model_copy(update={"variant": names[answer.variant], "text": text + end, "error": failure})
        for answer, end, failure in zip(row.answers, (" before", " after"), (None, error), strict=True)
    )
    changed = {
        "id": f"{kind} {text[:60]}",
        "input": text,
        "hard": text[:40] or None,
        "language": "ar",
        "params": {text: [text]},
        "expected": {"facts": [text], text[:9]: text},
        "answers": (before, after),
    }
    return row.model_copy(update=changed)


def _flip(row: CaseReport) -> Flip:
    before, after = (answer.text for answer in row.answers)
    return Flip(case=row.id, metric="facts_kept", is_worse=True, baseline=1, candidate=0, before=before, after=after)
