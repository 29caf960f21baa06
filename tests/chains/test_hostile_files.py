"""Hostile content in every file that is read: one typed error that names the place, at once."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.settings import load_settings
from chains.errors import ConfigurationError, CopydeskError, PromptError, PromptSetError
from chains.prompts import load_prompt_set
from chains.prompts.lifecycle.evidence import read_evidence
from tests.chains.conftest import FRONT, Load
from tests.chains.effort import little_work


def numbered(count: int, line: str) -> str:
    return "".join(line.format(number) for number in range(count))


HOSTILE = {
    "1 MB of keys": numbered(110_000, "k{}: v\n"),
    "a scalar of 1 MB": f"a: {'x' * (1 << 20)}\n",
    "billion laughs": "a: &a [x,x]\n" + numbered(30, "b{0}: &b{0} [*a,*a]\n"),
    "merge key with alias": "a: &a {b: 1}\nc: {<<: *a}\n",
    "100,000 lists": f"a: {'[' * 100_000}\n",
    "100,000 lists, closed": f"a: {'[' * 100_000}{']' * 100_000}\n",
    "50,000 lists in block style": "- " * 50_000 + "a\n",
    "700 indents": "\n".join(" " * n + "a:" for n in range(700)) + "\n",
    "a call": "a: !!python/object/apply:os.system [id]\n",
    "a set": "a: !!set {b, c}\n",
    "huge integer": f"a: {'9' * 50_000}\n",
    "huge hexadecimal integer": f"a: 0x{'f' * 50_000}\n",
    "huge float": "a: 1.0e+999999\n",
    "huge sexagesimal float": f"a: 1{':59' * 10_000}.5\n",
    "NaN": "a: .nan\n",
    "repeated key": "a: 1\na: 2\n",
    "half of a surrogate pair": 'a: "\\ud800"\n',
    "a long key": f"? {'k' * 50_000}\n: 1\n",
    "an error after a long text": "a: " + "x " * 30_000 + "\n]\n",
}
MANY = {
    "4,900 unknown keys": numbered(4_900, "k{}: v\n"),
    "9,900 items": "- a\n" * 9_900,
    "a text": "a\n",
    "a number": "5\n",
    "a list of lists": "[[[[a]]]]\n",
}
ONLY_MAPPINGS = {name: text for name, text in MANY.items() if name.startswith("4,900")}


def hostile(texts: Mapping[str, str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in texts.items()])


def refused(read: Any, *arguments: Any, error: type[CopydeskError] = PromptSetError, **keywords: Any) -> str:
    with little_work(), pytest.raises(error) as caught:
        read(*arguments, **keywords)
    return str(caught.value)


@hostile({**HOSTILE, **ONLY_MAPPINGS})
def test_front_matter(load: Load, text: str) -> None:
    assert "demo/1.0.0.j2:" in refused(load, keys=text)


@hostile({**HOSTILE, **MANY})
@pytest.mark.parametrize("name", ["labels.yaml", "prompts.lock"])
def test_labels_and_lock(load: Load, name: str, text: str) -> None:
    assert f"{name}:" in refused(load, files={name: text})


@hostile({**HOSTILE, **MANY})
def test_examples(load: Load, text: str) -> None:
    told = refused(load, keys="examples: demo/few.yaml\n", files={"demo/few.yaml": text})
    assert "demo/few.yaml:" in told


@hostile({**HOSTILE, **MANY})
def test_cases(load: Load, text: str) -> None:
    prompts = load(files={"demo/cases.yaml": text})
    assert "demo/cases.yaml:" in refused(prompts.cases, "demo", error=PromptError)


@hostile({**HOSTILE, **MANY})
def test_configuration(tmp_path: Path, text: str) -> None:
    path = tmp_path / "copydesk.yaml"
    path.write_text(text, encoding="utf-8")
    assert "copydesk.yaml:" in refused(load_settings, path, error=ConfigurationError)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        pytest.param({"demo/1.0.0.j2": FRONT + "x" * (1 << 20)}, "j2: the file is larger than 262144", id="1 MB body"),
        pytest.param(
            {"demo/1.0.0.j2": "---\n" + numbered(60_000, "# {}\n") + "---\nuser:\nA\n"}, "larger than", id="1 MB front"
        ),
        pytest.param({"demo/1.0.0.j2": "---\n" + "#\n" * 40_000 + "---\nuser:\nA\n"}, "65536", id="80 KB front"),
        pytest.param(
            {"demo/1.0.0.j2": FRONT + "user:\nA\nassistant:\nB\n" * 5000 + "user:\nA\n"},
            "more than 100 sections",
            id="10,000 sections",
        ),
        pytest.param(
            {"demo/1.0.0.j2": FRONT + "user:\n" + numbered(5000, "{{{{ n{} }}}}")},
            "4950 more names are not inputs",
            id="5,000 wrong names",
        ),
        pytest.param({"demo/1.0.0.j2": FRONT + "user:\n" + "{" * 200_000}, "nested too deeply", id="200,000 braces"),
        pytest.param(
            {
                **{
                    f"demo/1.0.{number}.j2": FRONT.replace("inputs:", f"uses: {{a: demo@1.0.{number + 1}}}\ninputs:")
                    + "user:\nA\n"
                    for number in range(40)
                },
                "demo/1.0.40.j2": FRONT + "user:\nA\n",
            },
            "is used more than 20 prompts deep",
            id="uses of uses",
        ),
        pytest.param(
            {"prompts.lock": f'"demo@1.0.0@": sha256:{"0" * 64}\n'}, "neither NAME@VERSION", id="a lock of two ats"
        ),
    ],
)
def test_large_files(load: Load, files: dict[str, str], words: str) -> None:
    told = refused(load, files=files)
    assert words in told
    assert told.count("\n") < 100


SCHEMAS = {
    "4,900 properties": ({"properties": {f"k{n}": {} for n in range(4_900)}}, "more than 1000 objects"),
    "3,000 objects that differ": ({"type": [{"a": n} for n in range(3_000)]}, "more than 1000 objects"),
    "2,000 alternatives": ({"anyOf": [{"type": "string"}] * 2_000}, "more than 1000 objects"),
    "a long pattern": ({"pattern": "(" * 3_000 + ")" * 3_000}, "longer than 500 characters"),
    "an endless repetition": ({"pattern": "a{99999999999999999999}"}, "the repetition number is too large"),
    "names by pattern": ({"patternProperties": {"(a+)+$": {}}}, "patternProperties is not available"),
    "a reference": ({"items": {"$ref": "https://a.test/x.json"}}, "$ref is not available"),
}


@pytest.mark.parametrize(("schema", "words"), SCHEMAS.values(), ids=SCHEMAS)
def test_schemas(load: Load, schema: dict[str, Any], words: str) -> None:
    written = json.dumps(schema)
    assert words in refused(load, front=FRONT.replace("{type: string}", written))
    assert words in refused(load, keys=f"output: {written}\n")
    assert words in refused(load, keys="output: s.json\n", files={"schemas/s.json": written})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param('{"a":' * 50_000, "longer than 65536", id="250 KB"),
        pytest.param("[" * 60_000, "s.json is not JSON", id="60,000 lists"),
        pytest.param('{"not":' * 400 + "{}" + "}" * 400, "nested too deeply", id="400 levels"),
        pytest.param('{"minimum": ' + "9" * 5000 + "}", "s.json is not JSON", id="huge integer"),
        pytest.param('{"minimum": NaN}', "NaN is no JSON value", id="NaN"),
        pytest.param('{"default": -Infinity}', "-Infinity is no JSON value", id="infinite"),
    ],
)
def test_schema_files(load: Load, text: str, words: str) -> None:
    assert words in refused(load, keys="output: s.json\n", files={"schemas/s.json": text})


def test_a_pattern_that_backtracks_without_end_is_stopped(load: Load) -> None:
    schema = "{type: string, pattern: '^(a|aa|b?a)+$', default: %s}"
    told = refused(load, front=FRONT.replace("{type: string}", schema % ("a" * 4000 + "c")))
    assert "does not match" in told or "takes too long" in told


def test_a_caller_s_value_can_not_make_a_pattern_run_without_end(load: Load) -> None:
    front = FRONT.replace("{type: string}", "{type: string, pattern: '^(?:(?:a|b|ab)*)*c(?!d)$'}")
    prompt = load(front=front).get("demo")
    with little_work():
        problems = prompt.validate({"text": "ab" * 5000})
    assert [problem.code for problem in problems] == ["pattern"]


DIGEST = "sha256:" + "0" * 64
RECORD = {
    "name": "demo",
    "version": "1.0.0",
    "digest": DIGEST,
    "baseline": {"version": "0.9.0", "digest": DIGEST},
    "backend_kind": "embedded",
    "model": "m",
    "model_digest": DIGEST,
    "suite": "s",
    "dataset_digest": DIGEST,
    "metrics": [
        {
            "name": "accuracy",
            "cases": 10,
            "baseline": 0.5,
            "candidate": 0.6,
            "difference": 0.1,
            "lower": 0.01,
            "upper": 0.2,
            "margin": 0.02,
            "verdict": "PASS",
        }
    ],
    "verdict": "PASS",
    "created_at": "2026-11-24T11:36:00Z",
}


def record(folder: Path, text: str) -> None:
    path = folder / "evidence" / "demo" / "1.0.0.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))


def test_the_record_of_these_tests_is_a_good_one(tmp_path: Path) -> None:
    record(tmp_path, json.dumps(RECORD))
    assert read_evidence(tmp_path, "demo", "1.0.0") is not None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        pytest.param("0.01", "[" * 100_000, "recursion limit", id="100,000 lists"),
        pytest.param("0.01", '{"a":' * 40_000, "recursion limit", id="40,000 objects"),
        pytest.param("0.01", "9" * 200_000, "number out of range", id="huge integer"),
        pytest.param("0.01", "1e999", "metrics.0.lower: Input should be a finite number", id="huge float"),
        pytest.param("0.01", "NaN", "metrics.0.lower: Input should be a finite number", id="NaN"),
        pytest.param("0.2", "-Infinity", "metrics.0.upper: Input should be a finite number", id="infinite"),
        pytest.param("10,", "9" * 5000 + ",", "number out of range", id="huge count"),
        pytest.param("2026-11-24T11:36:00Z", "9" * 50_000, "created_at: ", id="a long date"),
        pytest.param('"2026-11-24T11:36:00Z"', "1e300", "created_at: ", id="a late date"),
        pytest.param('"m"', '"\\ud800"', "Invalid JSON", id="half of a surrogate pair"),
        pytest.param('"s"', '"s", "owner": "me"', "owner: ", id="unknown key"),
        pytest.param('"m"', f'"{"m" * (1 << 20)}"', "larger than 262144 bytes", id="1 MB"),
        pytest.param(json.dumps(RECORD["metrics"]), "[" + "{}," * 40_000 + "{}]", "metrics.0.", id="40,000 metrics"),
        pytest.param('"demo"', '"other"', "is the record of other@1.0.0", id="another version's"),
        pytest.param(json.dumps(RECORD), "null", "Input should be an object", id="null"),
        pytest.param(json.dumps(RECORD), "", "Invalid JSON", id="empty"),
    ],
)
def test_evidence(tmp_path: Path, old: str, new: str, words: str) -> None:
    good = json.dumps(RECORD)
    assert old in good
    record(tmp_path, good.replace(old, new, 1))
    told = refused(read_evidence, tmp_path, "demo", "1.0.0", error=PromptError)
    assert "evidence/demo/1.0.0.json" in told
    assert words in told


def test_a_folder_of_nothing_but_rubbish_tells_every_file(tmp_path: Path) -> None:
    for name in ("demo/1.0.0.j2", "demo/2.0.0.j2", "labels.yaml", "prompts.lock", "partials/a.j2"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"\xff\x00[")
    told = refused(load_prompt_set, tmp_path)
    assert told.count("not UTF-8 at byte 0") == 5
