"""JUnit XML: one test for each bound and gated metric, and one for each case that a candidate answered.

What readers agree on is what Jenkins' schema (junit-10.xsd of its xUnit plugin) allows: properties on suites only, and
one result for a test. GitHub's test reporters show the message and the text of a failure.
"""

from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any

from chains.prompts.lifecycle.evidence import Verdict
from eval.report import Answer, CaseReport, Comparison, Flip, MetricComparison, Report, ThresholdResult
from eval.reports import figures
from eval.reports.texts import one_line, shortened, visible
from eval.scorers.extra import library

__all__ = ["junit_xml"]

_TEXT = 2000
"""Characters of a text that a failure shows; all of it stands in the other forms."""


def junit_xml(report: Report) -> str:
    """The report as a document of `testsuites`.

    A test fails for a bound that isn't kept, for a gated metric that REGRESSED, and for a case that became worse in
    such a metric; a metric that is INCONCLUSIVE is skipped, with what it lacks; a case without an output is an error.
    Raises ConfigurationError without the extra `eval`.
    """
    parser = library("junitparser")
    writer = _Writer(parser, report)
    suites = [writer.comparison(comparison) for comparison in report.comparisons]
    suites += [writer.thresholds()] if report.thresholds else []
    suites += [writer.cases(name) for name in _judged(report)]
    root = parser.JUnitXml(one_line(report.suite))
    # Not update_statistics(): it also writes `skipped`, which Jenkins' schema has on suites only.
    for name in ("tests", "failures", "errors"):
        setattr(root, name, sum(getattr(suite, name) for suite in suites))
    for suite in suites:
        root.append(suite)
    written = BytesIO()
    root.write(written)
    return written.getvalue().decode()


def _judged(report: Report) -> list[str]:
    """The candidates, or all variants where nothing was compared: a failed baseline isn't the candidate's fault."""
    names = [row.variant.name for row in report.variants]
    candidates = {comparison.candidate for comparison in report.comparisons}
    return [name for name in names if name in candidates] if candidates else names


class _Writer:
    """Makes the suites of one report with `junitparser`."""

    def __init__(self, parser: Any, report: Report) -> None:
        self._parser = parser
        self._report = report

    def comparison(self, comparison: Comparison) -> Any:
        """A test for each gated metric."""
        name = f"{self._report.suite}: {comparison.candidate} against {comparison.baseline}"
        said = {"verdict": comparison.verdict.value, "baseline": comparison.baseline, "candidate": comparison.candidate}
        tests = [self._metric(name, metric) for metric in comparison.metrics if metric.gated]
        return self._suite(name, said, tests)

    def thresholds(self) -> Any:
        """A test for each bound."""
        name = f"{self._report.suite}: bounds"
        return self._suite(name, {}, [self._bound(name, bound) for bound in self._report.thresholds])

    def cases(self, variant: str) -> Any:
        """A test for each case that the variant answered."""
        name = f"{self._report.suite}: {variant}"
        lost = _lost(self._report.comparisons, variant)
        answers = [(row, answer) for row in self._report.cases for answer in row.answers if answer.variant == variant]
        return self._suite(name, {"variant": variant}, [self._case(name, *pair, lost) for pair in answers])

    def _suite(self, name: str, properties: Mapping[str, str], tests: Iterable[Any]) -> Any:
        report = self._report
        suite = self._parser.TestSuite(one_line(name))
        suite.timestamp = report.created_at.replace(microsecond=0, tzinfo=None).isoformat()
        overall = {"overall_verdict": report.verdict.value} if report.verdict else {}
        of_report = {"suite": report.suite, "copydesk": report.copydesk, **overall}
        data = {f"dataset.{dataset.name}": dataset.digest for dataset in report.datasets}
        for key, said in {**of_report, **data, **properties}.items():
            suite.add_property(one_line(key), one_line(said))
        suite.add_testcases(list(tests))
        return suite

    def _metric(self, suite: str, metric: MetricComparison) -> Any:
        test = self._parser.TestCase(one_line(self._report.metric(metric.metric).short_title), _class(suite), 0)
        told = self._told(metric)
        if metric.verdict is Verdict.REGRESSED:
            test.append(self._result("Failure", told, "regressed", ""))
        elif metric.verdict is Verdict.INCONCLUSIVE:
            test.append(self._result("Skipped", f"not yet known: {told}", "inconclusive", ""))
        else:
            test.append(self._parser.SystemOut(told))
        return test

    def _told(self, metric: MetricComparison) -> str:
        info = self._report.metric(metric.metric)
        remark = figures.remark(info, metric)
        return one_line(
            f"{figures.value(info, metric.baseline)} to {figures.value(info, metric.candidate)}, "
            f"{figures.difference(info, metric.difference)} "
            f"({figures.interval(info, metric.lower, metric.upper)}; margin {figures.size(info, metric.margin)}; "
            f"{metric.cases} cases)" + (f". {remark}" if remark else "")
        )

    def _bound(self, suite: str, bound: ThresholdResult) -> Any:
        info = self._report.metric(bound.metric)
        test = self._parser.TestCase(one_line(f"{bound.variant}: {info.short_title}"), _class(suite), 0)
        told = f"{figures.value(info, bound.value)}; {figures.bound(info, bound)}"
        test.append(self._parser.SystemOut(told) if bound.kept else self._result("Failure", told, "bound", ""))
        return test

    def _case(self, suite: str, row: CaseReport, answer: Answer, lost: Mapping[str, Sequence[Flip]]) -> Any:
        test = self._parser.TestCase(one_line(row.id), _class(suite), answer.total_ms / 1000)
        if answer.error:
            message = f"{answer.error.code}: {answer.error.message}"
            test.append(self._result("Error", message, answer.error.code, f"Input:\n{shortened(row.input, _TEXT)}"))
        elif row.id in lost:
            test.append(self._worse(row, lost[row.id]))
        return test

    def _worse(self, row: CaseReport, flips: Sequence[Flip]) -> Any:
        message = "worse: " + ", ".join(self._change(flip) for flip in flips)
        parts = {"Input": row.input, "Before": flips[0].before, "After": flips[0].after}
        text = "\n\n".join(f"{title}:\n{shortened(part, _TEXT)}" for title, part in parts.items())
        return self._result("Failure", message, "worse", text)

    def _change(self, flip: Flip) -> str:
        info = self._report.metric(flip.metric)
        return f"{info.short_title} {figures.value(info, flip.baseline)} to {figures.value(info, flip.candidate)}"

    def _result(self, kind: str, message: str, type_: str, text: str) -> Any:
        result = getattr(self._parser, kind)(one_line(shortened(message, _TEXT)), one_line(type_))
        result.text = visible(text) or None
        return result


def _class(suite: str) -> str:
    """Jenkins takes what stands before the last dot for a package."""
    return one_line(suite).replace(".", "_")


def _lost(comparisons: Sequence[Comparison], variant: str) -> dict[str, list[Flip]]:
    """By case, the flips for worse of the variant in gated metrics that REGRESSED."""
    found: dict[str, list[Flip]] = {}
    for comparison in comparisons:
        if comparison.candidate != variant:
            continue
        regressed = {m.metric for m in comparison.metrics if m.gated and m.verdict is Verdict.REGRESSED}
        for flip in comparison.flips:
            if flip.is_worse and flip.metric in regressed:
                found.setdefault(flip.case, []).append(flip)
    return found
