"""Markdown as GitHub renders it (the tables of GitHub's dialect by markdown-it)."""

from collections.abc import Callable
from html.parser import HTMLParser

import pytest
import regex
from markdown_it import MarkdownIt

from chains.prompts.lifecycle.evidence import Verdict
from eval.outcomes import Source
from eval.report import Comparison, Report
from eval.reports.markdown import LIMIT, markdown
from eval.reports.markup import cell_code, code, html_pieces, plain
from tests.eval.reports.hostile import HOSTILE, hostile_report
from tests.eval.reports.sample import sample_report

TAGS = {
    *("h2", "h3", "p", "code", "strong", "table", "thead", "tbody", "tr", "th", "td"),
    *("details", "summary", "del", "ins", "br", "i", "sub", "ul", "li"),
}


class Rendered(HTMLParser):
    """What came of a document: its tags, the text outside and inside code, and how many cells each row has."""

    def __init__(self, document: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.outside = self.code = ""
        self.tables: list[list[int]] = []
        self._depth = 0
        self.feed(MarkdownIt("commonmark", {"html": True}).enable("table").render(document))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self._depth += tag == "code"
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append(0)
        elif tag in ("td", "th"):
            self.tables[-1][-1] += 1

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag == "code"
        assert self._depth >= 0

    def handle_data(self, data: str) -> None:
        if self._depth:
            self.code += data
        else:
            self.outside += data


def check(document: str) -> Rendered:
    """What has to hold of every document."""
    assert len(document.encode("utf-16-le")) // 2 < LIMIT
    rendered = Rendered(document)
    assert rendered.tags <= TAGS
    assert rendered.attributes <= {"style", "width", "dir", "open"}
    assert all(len(set(table)) == 1 for table in rendered.tables)
    # Mentions, references and addresses are looked for outside code.
    assert regex.findall(r"@\w|#\d|GH-\d|https?://|www\.", rendered.outside) == []
    return rendered


def test_hostile_texts_do_nothing() -> None:
    rendered = check(markdown(hostile_report()))
    assert "window.hacked" in rendered.code
    assert len(rendered.tables) == 3 + 10


@pytest.mark.parametrize("text", [pytest.param(text, id=kind) for kind, text in HOSTILE.items()])
@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda text: f"x {code(text)} y", id="in a line"),
        pytest.param(lambda text: f"| a | b |\n|---|---|\n| {cell_code(text)} | {plain(text)} |", id="in a table"),
        pytest.param(lambda text: f"## {code(text)}", id="in a heading"),
        pytest.param(lambda text: f"<details>{html_pieces([(text, True), (text, False)], 'ins')}</details>", id="HTML"),
    ],
)
def test_a_hostile_text_stays_in_its_place(write: Callable[[str], str], text: str) -> None:
    rendered = check(write(text))
    assert rendered.tables in ([], [[2, 2]])


def test_the_check_sees_what_is_wrong() -> None:
    for text in ("@octocat", "<img src=x>", "see #12", "| a |\n|---|\n\nhttps://evil.example"):
        with pytest.raises(AssertionError):
            check(text)


@pytest.mark.parametrize(
    ("report", "first"),
    [
        pytest.param(
            sample_report(),
            "## ✅ PASS · `golden-summarize`\n\n`summarize@1.1.0` is no worse than `summarize@1.0.0` in Facts kept and "
            "ROUGE\\-Lsum.",
            id="PASS",
        ),
        pytest.param(
            sample_report(cases=40, loss=0.2),
            "## ❌ REGRESSED · `golden-summarize`\n\n- `summarize@1.1.0` is worse than `summarize@1.0.0` in Facts kept "
            "(−25.0 pts).\n- 1 of 2 bounds is not kept.",
            id="REGRESSED",
        ),
        pytest.param(
            sample_report(cases=30, loss=0.02, seed=3),
            "## ❔ INCONCLUSIVE · `golden-summarize`\n\nWhether `summarize@1.1.0` is as good as `summarize@1.0.0` is "
            "not known yet: Facts kept.",
            id="INCONCLUSIVE",
        ),
        pytest.param(
            sample_report(versions=("1.0.0",)), "## `golden-summarize`\n\nNothing was compared.", id="nothing compared"
        ),
    ],
)
def test_the_verdict_comes_first(report: Report, first: str) -> None:
    written = markdown(report)
    check(written)
    assert written.startswith(first + "\n")


def test_a_row_has_what_decides() -> None:
    written = markdown(sample_report(cases=30, loss=0.02, seed=3))
    row = next(line for line in written.splitlines() if line.startswith("| Facts kept"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert regex.fullmatch(r"\*\*−\d+\.\d pts\*\*", cells[3])
    assert regex.fullmatch(r"−\d+\.\d to \+\d+\.\d", cells[4])
    assert cells[5:7] == ["10.0 pts", "❔ INCONCLUSIVE"]
    assert cells[7] == (r"The smallest loss that 30 cases can show is 11\.3 pts\. About 184 cases would settle it\.")


@pytest.mark.parametrize("source", list(Source))
def test_costs_say_whether_they_were_measured(source: Source) -> None:
    written = markdown(sample_report(source=source))
    row = next(line for line in written.splitlines() if line.startswith("| `summarize@1.0.0` | 1"))
    assert row.endswith(f" {source.value} |")
    assert ("not in this run" in written) is (source is Source.RECORDED)


def test_without_a_price_no_cost_is_claimed() -> None:
    assert "$" not in markdown(sample_report(priced=False))


def test_flipped_cases_are_limited_in_number_and_length() -> None:
    report = sample_report(cases=400, loss=0.5, words=30)
    written = check(markdown(report))
    flips = report.comparisons[0].flips
    worse, better = (sum(flip.is_worse is kind for flip in flips) for kind in (True, False))
    assert better > 0
    assert f"Flipped cases: {worse} worse, {better} better" in written.outside
    assert f"{len(flips) - 10} more flipped cases are left out here ({worse - 10} worse, {better} better)" in (
        written.outside
    )
    assert "more characters)" in written.code


@pytest.mark.parametrize(("words", "opened"), [(1, True), (10, False)])
def test_long_texts_are_folded(words: int, opened: bool) -> None:
    written = markdown(sample_report(loss=0.9, words=words))
    assert ("<details open>" in written, "<details>" in written) == (opened, not opened)


def test_before_and_after_are_compared_word_by_word() -> None:
    written = markdown(sample_report(cases=40, loss=0.9))
    assert "council of Marlow approved the <ins>new </ins>footbridge" in written


def test_it_fits_however_much_was_compared() -> None:
    report = sample_report("classify", loss=0.5, versions=[f"1.{minor}.0-{'🙂' * 200}" for minor in range(60)])
    comparison = report.comparisons[0]
    note = comparison.metrics[0].model_copy(update={"note": "*" * 4000})
    noted = tuple(one.model_copy(update={"metrics": (note,) * 5}) for one in report.comparisons)
    written = check(markdown(report.model_copy(update={"comparisons": noted})))
    assert "56 more comparisons stand below" not in written.code
    assert regex.search(r"\d+ more rows are left out here", written.outside)
    assert regex.search(r"\d+ more variants are left out here", written.outside)
    assert regex.search(r"\d+ more flipped cases are left out here", written.outside)


def test_an_empty_comparison_is_told() -> None:
    nothing = Comparison(baseline="a", candidate="b", metrics=(), verdict=Verdict.PASS)
    report = sample_report().model_copy(update={"comparisons": (nothing,), "cases": (), "variants": (), "datasets": ()})
    assert "`b` is no worse than `a` in no gated metric." in markdown(report)
