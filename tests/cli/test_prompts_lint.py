"""`copydesk prompts lint | check`: formats, carets, exit codes, and that CI turns red after an edit of a release."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chains.prompts.linting.findings import RULES, Finding
from cli.main import main
from cli.prompts.findings import github_line, snippet
from tests.conftest import ROOT

Prompts = Callable[..., tuple[int, str, str]]
GROUNDING = "prompts/partials/grounding-1.j2"


@pytest.fixture
def prompts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Prompts:
    """Runs `copydesk prompts ...` beside a copy of the project's prompts."""
    shutil.copytree(ROOT / "prompts", tmp_path / "prompts")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["copydesk", "prompts", *arguments])
        with pytest.raises(SystemExit) as exited:
            main()
        out, err = capsys.readouterr()
        return int(exited.value.code or 0), out, err

    return run


@pytest.fixture
def draft(prompts: Prompts) -> Path:
    """summarize@9.0.0 with an error in line 4, column 4 of its user section, and a warning in the front matter."""
    path = Path("prompts/summarize/9.0.0.j2")
    front = "---\ndescription: A\nchangelog: B\ninputs:\n  text: {type: string}\n  tone: {type: string}\n---\n"
    path.write_text(front + "user:\nSummarize.\n\n文書\t{{ txt }}\n")
    return path


def test_a_finding_reads_like_a_compilers(prompts: Prompts, draft: Path) -> None:
    code, out, _ = prompts("lint", "summarize@9.0.0")
    assert code == 1
    assert out == (
        "prompts/summarize/9.0.0.j2:11:7: error[undefined-variable]: 'txt' is not an input\n"
        "   |\n"
        "11 | 文書    {{ txt }}\n"
        "   |            ^^^\n"
        "   = help: did you mean text?\n"
        "   = docs/lint.md#undefined-variable\n"
        "\n"
        "1 error, 0 warnings\n"
    )


def test_github_shows_it_beside_the_line(prompts: Prompts, draft: Path) -> None:
    code, out, _ = prompts("lint", "--format", "github", "summarize")
    assert code == 1
    assert out.splitlines()[0] == (
        "::error file=prompts/summarize/9.0.0.j2,line=11,col=7,title=undefined-variable::"
        "'txt' is not an input%0Ahelp: did you mean text?"
    )


@pytest.mark.parametrize("arguments", [("--json",), ("--format", "json")], ids=" ".join)
def test_programs_get_json(prompts: Prompts, draft: Path, arguments: tuple[str, ...]) -> None:
    code, out, _ = prompts("lint", str(draft), *arguments)
    assert code == 1
    assert json.loads(out) == {
        "errors": 1,
        "warnings": 0,
        "findings": [
            {
                "rule": "undefined-variable",
                "severity": "error",
                "path": "prompts/summarize/9.0.0.j2",
                "line": 11,
                "column": 7,
                "message": "'txt' is not an input",
                "hint": "did you mean text?",
            }
        ],
    }


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(("summarize@9.0.0",), 0, "0 errors, 1 warning", id="a warning"),
        pytest.param(("--strict",), 1, "warning[unused-input]: the input 'tone'", id="strict"),
        pytest.param(("--budget", "500"), 0, "warning[over-budget]: the case", id="budget"),
        pytest.param(("rewrite", "extract", "--all", "--strict"), 0, "0 errors, 0 warnings", id="others"),
        pytest.param(("absent",), 2, "There is no prompt 'absent'", id="no such prompt"),
        pytest.param(("summarize@8.0.0",), 2, "There is no prompt 'summarize@8.0.0'", id="no such version"),
        pytest.param(("--dir", "absent"), 2, "there is no such prompt folder", id="no such folder"),
        pytest.param(("--budget", "0"), 2, "--budget", id="no budget"),
        pytest.param(("--format", "xml"), 2, "--format", id="no such format"),
    ],
)
def test_lint_ends_as_ci_expects(
    prompts: Prompts, draft: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    draft.write_text(
        draft.read_text()
        .replace("文書\t{{ txt }}", "{{ text }}")
        .replace("{type: string}\n---", "{type: string, default: a}\n---")
    )
    ended, out, err = prompts("lint", *arguments)
    assert (ended, words in out + err) == (code, True), out + err


def test_check_says_what_was_checked(prompts: Prompts) -> None:
    code, out, _ = prompts("check")
    assert code == 0
    assert re.fullmatch(r"\d+ versions of \d+ prompts, \d+ of them drafts; \d+ golden cases; \d+ labels with .*\n", out)
    assert prompts("check", "--json")[1:] == ('{\n  "errors": 0,\n  "warnings": 0,\n  "findings": []\n}\n', "")


def test_check_is_red_after_an_edit_of_a_release(prompts: Prompts) -> None:
    path = Path("prompts/summarize/1.0.0.j2")
    path.write_text(path.read_text() + "Be brief.\n")
    code, out, _ = prompts("check")
    assert code == 1
    message = "prompts/summarize/1.0.0.j2: error[edited-release]: was edited after its release, which would change "
    assert out.startswith(message + "summarize@1.0.0\n")
    assert "help: put the edit into a new file (cp prompts/summarize/1.0.0.j2 prompts/summarize/" in out
    assert "then take the edit back here: git checkout -- prompts/summarize/1.0.0.j2 (by hand where" in out
    assert out.endswith("1 error, 0 warnings\n")


def test_check_names_every_version_over_an_edited_partial(prompts: Prompts) -> None:
    using = sorted(
        f"{path.parent.name}@{path.stem}"
        for path in Path("prompts").glob("*/*.j2")
        if "grounding-1" in path.read_text()
    )
    released = [line.split(": ")[0] for line in Path("prompts/prompts.lock").read_text().splitlines()]
    Path(GROUNDING).write_text("Stick to the text.\n")
    code, out, _ = prompts("check", "--format", "github")
    assert code == 1
    (line,) = [line for line in out.splitlines() if line.startswith("::")]
    assert line.startswith(f"::error file={GROUNDING},title=edited-release::was edited after its release")
    concerned = [version for version in using if version in released]
    assert len(concerned) >= 4
    assert f"would change {', '.join(concerned)}%0Ahelp: put the edit into a new file" in line


def test_check_is_red_where_a_label_was_edited_by_hand(prompts: Prompts) -> None:
    shutil.rmtree("prompts/evidence/summarize")
    code, out, _ = prompts("check")
    assert code == 1
    assert "error[evidence]: summarize.production: summarize@1.3.0 has no evidence" in out
    assert "copydesk prompts promote summarize 1.3.0" in out


def test_colours_are_for_terminals(prompts: Prompts, draft: Path) -> None:
    assert "\x1b" not in prompts("lint")[1]


@pytest.mark.parametrize(
    ("line", "column", "shown", "carets"),
    [
        pytest.param("a {{ txt }}", 6, "a {{ txt }}", "     ^^^", id="a word"),
        pytest.param("a {{ txt }} b", 3, "a {{ txt }} b", "  ^^^^^^^^^", id="a tag"),
        pytest.param("\ta\tb", 4, "    a    b", "         ^", id="tabs"),
        pytest.param("文書 txt", 4, "文書 txt", "     ^^^", id="wide characters"),
        pytest.param("e\u0301 txt", 4, "e\u0301 txt", "  ^^^", id="combining characters"),
        pytest.param("日本 x", 1, "日本 x", "^^^^", id="a wide word"),
        pytest.param("a\x1b[31m\u202etxt", 8, "a\ufffd[31m\ufffdtxt", "       ^^^", id="control characters"),
        pytest.param("ab", 9, "ab", "  ^", id="behind the end"),
        pytest.param("ab", None, "ab", "", id="no column"),
    ],
)
def test_the_caret_stands_under_its_column(line: str, column: int | None, shown: str, carets: str) -> None:
    assert snippet(line, column) == (shown, carets)


@pytest.mark.parametrize("column", [1, 50, 100, 150, 180, 198])
def test_a_long_line_is_cut_around_the_caret_with_a_mark(column: int) -> None:
    line = "".join(f" w{number:02}" for number in range(50))
    shown, carets = snippet(line, column, 60)
    assert len(shown) <= 60
    assert shown[len(carets) - 1] == line[column - 1 + len(carets.strip()) - 1]
    assert shown.startswith("…") == (column > 30)
    assert shown.endswith("…") == (column < 160)


def test_github_lines_are_escaped() -> None:
    finding = Finding("yaml", "warning", Path("a,b:c%.j2"), 3, None, "50 %\r\nof it: a, b", hint=None)
    assert github_line(finding) == "::warning file=a%2Cb%3Ac%25.j2,line=3,title=yaml::50 %25%0D%0Aof it: a, b"


def test_every_rule_has_an_anchor() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "lint.md").read_text(), re.M)
    assert headings == list(RULES)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in headings)
