"""`copydesk prompts list | render | diff | impact | export`: what they print, and with which exit code they end."""

import io
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from cli import prompts as prompts_group
from cli.main import main
from tests.cli.small_prompts import OUTLINE, REPAIR, write_prompts


class Ended(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Prompts = Callable[..., Ended]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_prompts(tmp_path / "prompts")


@pytest.fixture
def prompts(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Prompts:
    """Runs `copydesk prompts ...` beside the folder, in this process."""

    def run(*arguments: str, stdin: str = "") -> Ended:
        monkeypatch.chdir(folder.parent)
        monkeypatch.setattr(sys, "argv", ["copydesk", "prompts", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        return Ended(code, *capsys.readouterr())

    return run


def test_list_shows_every_version_the_newest_first(prompts: Prompts) -> None:
    done = prompts("list")
    assert (done.code, done.err) == (0, "")
    rows = [re.split(r"  +", line) for line in done.out.splitlines()]
    assert rows[0] == ["prompt", "version", "state", "labels", "digest", "changelog"]
    assert [row[:2] for row in rows if row[0] == "repair"] == [["repair", "1.1.0"], ["repair", "1.0.0"]]
    summarize = [row for row in rows if row[0] == "summarize"]
    assert summarize[0][:4] == ["summarize", "1.9.0", "draft", "canary 12.5 %"]
    assert summarize[-1][:4] == ["summarize", "1.0.0", "released", "production"]


def test_list_never_cuts_a_row_where_there_is_no_terminal(prompts: Prompts, folder: Path) -> None:
    changelog = "long " * 100
    (folder / "outline" / "1.0.0.j2").write_text(OUTLINE.replace("First version", changelog))
    rows = prompts("list", "outline").out.splitlines()
    assert len(rows) == 2
    assert rows[1].endswith(changelog.strip())


def test_list_tells_an_edited_release(prompts: Prompts, folder: Path) -> None:
    partial = folder / "partials" / "grounding-1.j2"
    partial.write_text(partial.read_text() + "Be brief.\n")
    listed = prompts("list", "summarize", "--json").json
    assert [(p["version"], p["state"]) for p in listed if p["version"] == "1.0.0"] == [("1.0.0", "edited")]


def test_list_json_has_it_all(prompts: Prompts) -> None:
    newest = prompts("list", "summarize", "--json").json[0]
    assert newest["labels"] == [{"label": "canary", "percent": 12.5}]
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", newest["digest"])
    assert newest["changelog"] == "Another version"
    assert newest.keys() == {"name", "version", "digest", "state", "labels", "description", "changelog"}


def test_render_shows_the_messages_byte_for_byte(prompts: Prompts) -> None:
    done = prompts("render", "repair", "1.1.0", "--case", "quotes")
    rules = r"── system ─+\nBe very careful\.\n── user ─+\nRepair  this:\n\{label: x\n\n"
    assert re.fullmatch(rules, done.out)
    assert re.fullmatch(r"\[repair@1\.1\.0 \(draft\), case 'quotes': about \d+ tokens, an estimate\]\n", done.err)


@pytest.mark.parametrize(
    ("arguments", "version", "case"),
    [
        pytest.param(["summarize"], "1.0.0", "prose", id="production and its first case"),
        pytest.param(["summarize", "canary"], "1.9.0", "prose", id="label"),
        pytest.param(["summarize", "1.9.0", "--case", "headline"], "1.9.0", "headline", id="version and case"),
        pytest.param(["repair"], "1.1.0", "quotes", id="no label: the newest"),
        pytest.param(["summarize", "-i", "text=x", "-i", "max_words=7"], "1.0.0", None, id="inputs"),
    ],
)
def test_render_chooses_version_and_inputs(
    prompts: Prompts, arguments: list[str], version: str, case: str | None
) -> None:
    shown = prompts("render", *arguments, "--json").json
    assert (shown["version"], shown["renders"][0]["case"]) == (version, case)
    assert [message["role"] for message in shown["renders"][0]["messages"]] == ["system", "user"]
    assert shown["renders"][0]["estimated_tokens"] > 10


@pytest.mark.parametrize(
    ("joined", "apart"),
    [
        pytest.param(["render", "summarize@1.0.0"], ["render", "summarize", "1.0.0"], id="render"),
        pytest.param(["export", "summarize@1.0.0"], ["export", "summarize", "1.0.0"], id="export"),
        pytest.param(["diff", "summarize@1.0.0", "1.9.0"], ["diff", "summarize", "1.0.0", "1.9.0"], id="diff"),
    ],
)
def test_a_version_may_stand_in_the_prompts_name(prompts: Prompts, joined: list[str], apart: list[str]) -> None:
    done = prompts(*joined)
    assert done.code == 0
    assert done == prompts(*apart)


def test_render_takes_text_as_it_stands_and_the_rest_as_json(prompts: Prompts) -> None:
    shown = prompts("render", "summarize", "-i", "text=12", "-i", "max_words=7", "-i", "style=bullets", "--json").json
    assert shown["renders"][0]["inputs"] == {"text": "12", "max_words": 7, "style": "bullets"}


@pytest.mark.parametrize("source", ["file", "stdin"])
def test_render_takes_a_file_of_inputs(prompts: Prompts, folder: Path, source: str) -> None:
    text = json.dumps({"text": "Ünï 😀", "style": "headline"})
    (folder / "inputs.json").write_text(text)
    where = str(folder / "inputs.json") if source == "file" else "-"
    done = prompts("render", "summarize", "1.9.0", "--inputs", where, stdin=text)
    assert "Ünï 😀" in done.out
    assert "Write a headline" in done.out


def test_render_all_cases_says_which_the_version_does_not_take(prompts: Prompts) -> None:
    done = prompts("render", "repair", "--all-cases")
    assert "── case 'quotes' ──" in done.out
    assert "[case 'later' is not for repair@1.1.0: " in done.err
    shown = prompts("render", "summarize", "--all-cases", "--json").json
    assert [render["case"] for render in shown["renders"]] == ["prose", "headline", "abstract"]
    assert shown["refused"] == {}


INPUTS = "max_words  optional  "


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["render", "nobody"], ["There is no prompt 'nobody'", "summarize"], id="prompt"),
        pytest.param(["list", "nobody"], ["There is no prompt 'nobody'"], id="prompt to list"),
        pytest.param(["render", "summarize", "7.0.0"], ["no version '7.0.0'", "1.0.0, 1.9.0"], id="version"),
        pytest.param(["render", "summarize", "staging"], ["no label 'staging'", "production"], id="label"),
        pytest.param(["render", "summarize", "1.0"], ["neither a version (1.0.0) nor a label"], id="neither"),
        pytest.param(["render", "summarize", "--case", "x"], ["no golden case 'x'", "'headline'"], id="case"),
        pytest.param(["render", "repair", "--case", "later"], ["the case 'later':", "'new'", "broken"], id="misfit"),
        pytest.param(["render", "outline"], ["No golden case fits", "--input NAME=VALUE", "text  req"], id="no case"),
        pytest.param(["render", "outline", "--all-cases"], ["has no golden case"], id="no cases"),
        pytest.param(["render", "summarize", "-i", "txt=a"], ["--input txt=a: give NAME=VALUE", INPUTS], id="name"),
        pytest.param(["render", "summarize", "-i", "text"], ["--input text: give NAME=VALUE"], id="no value"),
        pytest.param(["render", "summarize", "-i", "text=a", "-i", "text=b"], ["is given twice"], id="twice"),
        pytest.param(["render", "summarize", "-i", "max_words=few"], ["read as JSON: not JSON at line 1"], id="JSON"),
        pytest.param(
            ["render", "summarize", "-i", "text=a", "-i", "max_words=0"],
            ["/max_words: 0 is less than the minimum of 1", INPUTS],
            id="value",
        ),
        pytest.param(["render", "summarize", "--inputs", "absent"], ["--inputs absent: No such file"], id="file"),
        pytest.param(["render", "summarize", "-i", "text=a", "--case", "x"], ["only one of --case, --input"], id="two"),
        pytest.param(["render", "summarize", "--all-cases", "--case", "x"], ["not both"], id="all and one"),
        pytest.param(["diff", "summarize", "1.0.0"], ["Missing argument 'B'"], id="half a diff"),
        pytest.param(["render", "summarize@1.0.0", "1.9.0"], ["two versions: 1.0.0 and 1.9.0"], id="two versions"),
        pytest.param(["diff", "summarize", "1.0.0", "2.0.0"], ["no version '2.0.0'"], id="diff with nothing"),
        pytest.param(["impact", "partials/carefull-1.j2"], ["Did you mean partials/careful-1.j2?"], id="no file"),
        pytest.param(["impact", "../prompts"], ["There is no file '../prompts'", "grounding-1.j2"], id="folder"),
        pytest.param(["export", "nobody"], ["There is no prompt 'nobody'"], id="nothing to export"),
        pytest.param(["list", "--dir", "absent"], ["absent: there is no such prompt folder"], id="dir"),
    ],
)
def test_a_wrong_call_ends_with_2_and_says_why(prompts: Prompts, arguments: list[str], words: list[str]) -> None:
    done = prompts(*arguments)
    assert (done.code, done.out) == (2, "")
    said = re.sub(r"\s*│?\n│?\s*", " ", done.err) if "╭" in done.err else done.err
    assert [word for word in words if word not in said] == [], done.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param('{"text": "a", "text": "b"}', "the key 'text' stands twice", id="repeated key"),
        pytest.param('{"text": NaN}', "NaN is no JSON value", id="NaN"),
        pytest.param('["text"]', "not a JSON object", id="list"),
        pytest.param('{"text"', "not JSON at line 1, column 8", id="broken"),
        pytest.param("[" * 100_000, "nested too deeply", id="deep"),
        pytest.param('{"text": "\\ud800"}', "half a surrogate pair", id="surrogate"),
    ],
)
def test_a_file_of_inputs_means_one_thing(prompts: Prompts, content: str, words: str) -> None:
    done = prompts("render", "summarize", "--inputs", "-", stdin=content)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_diff_shows_files_cases_and_the_bump(prompts: Prompts) -> None:
    done = prompts("diff", "repair", "1.0.0", "1.1.0")
    assert (done.code, done.err) == (0, "")
    for line in (
        "repair@1.0.0 (draft) -> repair@1.1.0 (draft)",
        "+++ repair/1.1.0.j2",
        "+Repair  this:",
        "+++ partials/careful-2.j2",
        "-Say nothing else.",
        "case 'quotes'",
        "- Be careful. Say nothing else.",
        "+ Be very careful.",
    ):
        assert line in done.out.splitlines(), line
    assert "case 'later': " in done.out
    assert "The smallest version that would do is 1.1.0; 1.1.0 claims MINOR, which is enough." in done.out


def test_diff_counts_the_cases_that_are_the_same(prompts: Prompts) -> None:
    done = prompts("diff", "summarize", "production", "canary")
    assert "case 'headline'\n" in done.out
    assert re.search(r"The same in both: 'prose', 'abstract'", done.out)
    assert "case 'abstract'\n" not in done.out


def test_diff_says_where_a_version_claims_too_little(prompts: Prompts, folder: Path) -> None:
    shutil.copy(folder / "repair" / "1.1.0.j2", folder / "repair" / "1.0.1.j2")
    done = prompts("diff", "repair", "1.0.0", "1.0.1")
    assert "The smallest version that would do is 1.1.0; 1.0.1 claims only PATCH." in done.out
    assert "1.0.0 doesn't come after 1.1.0" in prompts("diff", "repair", "1.1.0", "1.0.0").out


def test_diff_of_a_version_with_itself(prompts: Prompts) -> None:
    done = prompts("diff", "repair", "1.0.0", "1.0.0")
    assert "No file differs." in done.out
    assert "needs no bump" in done.out


def test_diff_json_has_it_all(prompts: Prompts) -> None:
    shown = prompts("diff", "repair", "1.0.0", "1.1.0", "--json").json
    assert (shown["before"]["version"], shown["after"]["version"]) == ("1.0.0", "1.1.0")
    pairs = [(file["before"], file["after"]) for file in shown["files"]]
    assert ("repair/1.0.0.j2", "repair/1.1.0.j2") in pairs
    assert ("partials/careful-1.j2", "partials/careful-2.j2") in pairs
    assert ("partials/quiet-1.j2", None) in pairs
    assert shown["bump"] == {"minimum": "MINOR", "claimed": "MINOR", "smallest_version": "1.1.0"}
    quotes, later = shown["cases"]
    assert quotes["after"][1] == {"role": "user", "content": "Repair  this:\n{label: x\n"}
    assert (later["before"], later["after"]) == (None, None)
    assert {"bump", "place", "message"} == shown["changes"][0].keys()


@pytest.mark.parametrize(
    ("path", "versions"),
    [
        pytest.param("partials/quiet-1.j2", ["outline@1.0.0", "repair@1.0.0"], id="partial in a partial"),
        pytest.param("prompts/partials/careful-2.j2", ["repair@1.1.0"], id="from where one is"),
        pytest.param("repair/1.0.0.j2", ["outline@1.0.0", "repair@1.0.0"], id="template of a helper"),
        pytest.param("classify/few_shot-1.yaml", ["classify@1.0.0"], id="few-shot"),
        pytest.param("partials/unused-1.j2", [], id="unused"),
        pytest.param("repair/cases.yaml", [], id="cases"),
    ],
)
def test_impact_finds_who_depends_on_a_file(prompts: Prompts, path: str, versions: list[str]) -> None:
    shown = prompts("impact", path, "--json").json
    assert shown["file"] == path.removeprefix("prompts/")
    assert [f"{p['name']}@{p['version']}" for p in shown["versions"]] == versions
    human = prompts("impact", path)
    assert (human.code, len(human.out.splitlines())) == (0, 1 + len(versions))


def test_impact_tells_how_a_version_depends_and_what_it_serves(prompts: Prompts) -> None:
    rows = [re.split(r"  +", line) for line in prompts("impact", "partials/quiet-1.j2").out.splitlines()]
    assert ["outline", "1.0.0", "draft", "-", "uses repair@1.0.0"] in rows
    rows = [re.split(r"  +", line) for line in prompts("impact", "partials/grounding-1.j2").out.splitlines()]
    assert ["classify", "1.0.0", "released", "production"] in rows


def test_export_is_a_body_and_nothing_else(prompts: Prompts) -> None:
    done = prompts("export", "repair", "1.0.0", "--model", "small-1")
    assert (done.code, done.err) == (0, "")
    assert done.json == {
        "model": "small-1",
        "messages": [
            {"role": "system", "content": "Be careful. Say nothing else."},
            {"role": "user", "content": "{label: x\n"},
        ],
        "temperature": 0.5,
        "max_tokens": 20,
        "top_p": 0.9,
        "seed": 3,
        "stop": ["END"],
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "answer",
                "strict": True,
                "schema": {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]},
            },
        },
    }


def test_export_has_only_what_is_set_and_says_what_is_missing(prompts: Prompts) -> None:
    body = prompts("export", "summarize", "-i", "text=x").json
    assert body.keys() == {"messages", "temperature", "max_tokens", "frequency_penalty"}
    done = prompts("export", "classify", "--json")
    assert "the task classify makes one for each request" in done.err
    assert [m["role"] for m in done.json["messages"]][:3] == ["system", "user", "assistant"]


def test_a_broken_folder_is_told_in_full(prompts: Prompts, folder: Path) -> None:
    (folder / "repair" / "1.2.0.j2").write_text(REPAIR.replace("{{ broken }}", "{{ brokn }}"))
    done = prompts("impact", "partials/quiet-1.j2")
    assert (done.code, done.out) == (2, "")
    assert "repair/1.2.0.j2:13:4: 'brokn' is not an input (did you mean broken?)" in done.err


COMMANDS = typer.main.get_command(prompts_group.app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example_that_exists(prompts: Prompts, name: str) -> None:
    done = prompts(name, "--help")
    assert done.code == 0
    examples = re.findall(r"Example: copydesk prompts (\S+)", done.out)
    assert examples, done.out
    assert [example for example in examples if example not in COMMANDS] == []
    assert name in examples
