"""JUnit XML, as its readers take it."""

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped

from chains.prompts.lifecycle.evidence import Verdict
from eval.report import Report
from eval.reports.junit import junit_xml
from tests.eval.reports.hostile import HOSTILE, hostile_report
from tests.eval.reports.sample import sample_report

# What Jenkins' schema (junit-10.xsd of its xUnit plugin) has: of each element its attributes, the required ones first,
# then what may stand in it.
RESULT: tuple[set[str], set[str], set[str]] = (set(), {"type", "message"}, set())
TEXT: tuple[set[str], set[str], set[str]] = (set(), set(), set())
SCHEMA = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"time", "skipped", "timestamp", "hostname", "id", "package"},
        {"properties", "testcase"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, set(), set()),
    "testcase": ({"name"}, {"time", "classname"}, {"skipped", "error", "failure", "system-out"}),
    "failure": RESULT,
    "error": RESULT,
    "skipped": RESULT,
    "system-out": TEXT,
}


def broken_rules(element: ElementTree.Element) -> list[str]:
    """What an element and those in it have that the schema doesn't allow."""
    required, optional, children = SCHEMA[element.tag]
    found = [f"{element.tag} lacks {name}" for name in required - set(element.keys())]
    found += [f"{element.tag} has {name}" for name in set(element.keys()) - required - optional]
    found += [f"{child.tag} in {element.tag}" for child in element if child.tag not in children]
    counted = ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")
    if element.tag in ("testsuite", "testsuites"):
        found += [
            f"{element.tag}: {name}"
            for name, tag in (*counted, ("tests", "testcase"))
            if element.get(name) not in (None, str(len(element.findall(f".//{tag}"))))
        ]
    return found + [rule for child in element if child.tag in children for rule in broken_rules(child)]


REPORTS: list[tuple[str, Callable[[], Report]]] = [
    ("passed", sample_report),
    ("regressed", lambda: sample_report("classify", loss=0.4)),
    ("inconclusive", lambda: sample_report(cases=30, loss=0.02, seed=3)),
    ("several candidates", lambda: sample_report(versions=("1.0.0", "1.1.0", "2.0.0"))),
    ("one variant", lambda: sample_report(versions=("1.0.0",))),
    ("no case", lambda: sample_report().model_copy(update={"cases": (), "comparisons": (), "thresholds": ()})),
    ("hostile", hostile_report),
]


@pytest.mark.parametrize("report", [pytest.param(make, id=name) for name, make in REPORTS])
def test_it_keeps_to_the_schema_of_its_readers(report: Callable[[], Report]) -> None:
    written = junit_xml(report())
    assert broken_rules(ElementTree.fromstring(written)) == []
    assert "\x00" not in written


def test_the_check_sees_what_is_wrong() -> None:
    wrong = ElementTree.fromstring(
        '<testsuites skipped="0"><testsuite name="x" tests="2" failures="0" errors="0"><testcase><properties/>'
        "</testcase></testsuite></testsuites>"
    )
    assert sorted(broken_rules(wrong)) == [
        "properties in testcase",
        "testcase lacks name",
        "testsuite: tests",
        "testsuites has skipped",
    ]


def test_a_regression_fails_with_the_cases_that_became_worse() -> None:
    report = sample_report("classify", loss=0.4)
    suites: Any = JUnitXml.fromstring(junit_xml(report).encode())
    comparison, bounds, cases = suites
    assert report.verdict is Verdict.REGRESSED
    assert next(type(test.result[0]) for test in comparison) is Failure
    assert {prop.name: prop.value for prop in comparison.properties()}["verdict"] == "REGRESSED"
    assert bounds.tests == len(report.thresholds)
    worse = {flip.case for flip in report.comparisons[0].flips if flip.is_worse}
    errors = {row.id for row in report.cases if row.answers[1].error}
    assert errors
    assert {test.name for test in cases if test.is_failure} == worse - errors
    assert {test.name for test in cases if test.is_error} == errors
    assert cases.tests == len(report.cases)


def test_a_failure_shows_input_before_and_after() -> None:
    report = sample_report(loss=0.5)
    flip = report.comparisons[0].flips[0]
    failures = {test.name: test.result[0] for suite in JUnitXml.fromstring(junit_xml(report).encode()) for test in suite
                if test.is_failure}  # fmt: skip
    row = next(row for row in report.cases if row.id == flip.case)
    assert failures[row.id].text == f"Input:\n{row.input}\n\nBefore:\n{flip.before}\n\nAfter:\n{flip.after}"
    assert failures[row.id].message == "worse: Facts kept 100.0 % to 0.0 %"


def test_a_metric_that_passed_fails_no_case() -> None:
    report = sample_report()
    assert [flip.is_worse for flip in report.comparisons[0].flips].count(True) > 0
    suites = list(JUnitXml.fromstring(junit_xml(report).encode()))
    assert [test.name for suite in suites for test in suite if test.is_failure] == []


def test_what_isnt_known_is_skipped_with_what_it_lacks() -> None:
    report = sample_report(cases=30, loss=0.02, seed=3)
    (skipped,) = [
        result
        for suite in JUnitXml.fromstring(junit_xml(report).encode())
        for test in suite
        for result in test.result
        if isinstance(result, Skipped)
    ][:1]
    assert skipped.message.endswith(
        "The smallest loss that 30 cases can show is 11.3 pts. About 184 cases would settle it."
    )


def test_hostile_texts_arrive_as_they_are_read() -> None:
    suites = list(JUnitXml.fromstring(junit_xml(hostile_report()).encode()))
    results = {test.name.split(" ")[0]: test.result[0] for test in suites[-1]}
    assert HOSTILE["script"] in results["script"].text
    assert HOSTILE["comment"] in results["comment"].text
    assert "NUL␀ BEL␇ ESC␛[31m ␡ ⟨U+0085⟩ ⟨U+FFFE⟩ ⟨U+FFFF⟩" in results["controls"].message
    assert isinstance(results["controls"], Error)
    assert "(13,000 more characters)" in results["long"].text
    assert "⟨U+202E⟩txt.exe⟨U+202C⟩" in results["right"].text
