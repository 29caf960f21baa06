"""Datasets: what is told of a wrong line, and the digest, which evidence is about."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chains.errors import ConfigurationError
from eval.datasets import dataset_digest, load_dataset

FILES = {"a.jsonl": '{"id": 1}\n', "b.jsonl": '{"id": 2}\n'}


def digest(folder: Path, files: Mapping[str, str]) -> str:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    return dataset_digest(folder)


@pytest.mark.parametrize(
    ("files", "same"),
    [
        pytest.param({"b.jsonl": FILES["b.jsonl"], "a.jsonl": FILES["a.jsonl"]}, True, id="written in another order"),
        pytest.param({**FILES, "README.md": "x"}, True, id="another file beside them"),
        pytest.param({**FILES, "a.jsonl": '{"id":1}\n'}, False, id="a space less"),
        pytest.param({**FILES, "c.jsonl": ""}, False, id="an empty file more"),
        pytest.param({"a.jsonl": FILES["a.jsonl"]}, False, id="a file less"),
        pytest.param({"a.jsonl": FILES["a.jsonl"], "c.jsonl": FILES["b.jsonl"]}, False, id="another name"),
        pytest.param({"a.jsonl": FILES["b.jsonl"], "b.jsonl": FILES["a.jsonl"]}, False, id="exchanged"),
        pytest.param({"a.jsonl": "".join(FILES.values())}, False, id="run together"),
    ],
)
def test_it_covers_names_and_contents(tmp_path: Path, files: Mapping[str, str], same: bool) -> None:
    found = digest(tmp_path / "one", FILES)
    assert found.startswith("sha256:")
    assert (digest(tmp_path / "other", files) == found) is same


def test_a_folder_without_a_dataset_has_none(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(ConfigurationError, match=r"there is no dataset: no \*\.jsonl file"):
            dataset_digest(folder)


GOOD: dict[str, dict[str, Any]] = {
    "summarize": {"references": ["Ada left."], "facts": ["Ada"], "forbidden": ["Bob"], "language": "en"},
    "rewrite": {"references": ["Ada left.", "Ada went away."], "facts": ["Ada"], "forbidden": ["Bob"]},
    "generate": {"facts": ["Ada"], "forbidden": ["Bob"], "language": "en", "output": {"urgent": True}},
    "classify": {"labels": []},
    "extract": {"entities": [{"text": "Ada", "label": "PERSON", "start": 2, "end": 5}]},
    "translate": {"of": ["whatever another task has"]},
}


def written(folder: Path, task: str, expected: Mapping[str, Any], **others: Any) -> Path:
    first = {"id": "zero", "task": task, "input": {"text": "🎉 Ada left."}, "expected": GOOD[task]}
    second = {**first, "id": "one", "expected": expected, **others}
    (folder / "golden.jsonl").write_text("".join(json.dumps(line) + "\n" for line in (first, second)))
    return folder


@pytest.mark.parametrize("task", GOOD)
def test_what_a_task_expects_is_loaded(tmp_path: Path, task: str) -> None:
    zero, one = load_dataset(written(tmp_path, task, GOOD[task], language="en", hard="emoji"))
    assert (zero.id, zero.language, one.id, one.language) == ("zero", None, "one", "en")
    assert one.expected == GOOD[task]


@pytest.mark.parametrize(
    ("task", "expected", "told"),
    [
        pytest.param("summarize", {"reference": ["x"]}, "expected.references: Field required", id="absent"),
        pytest.param("summarize", {"references": ["x"], "fact": ["x"]}, "expected.fact: Extra inputs", id="misspelt"),
        pytest.param("summarize", {"references": []}, "expected.references: Tuple should have at least 1", id="none"),
        pytest.param("rewrite", {"references": "x"}, "expected.references: Input should be a valid tuple", id="one"),
        pytest.param("rewrite", {"references": [""]}, "expected.references.0: String should have", id="empty"),
        pytest.param("generate", {}, "expected: Give facts, forbidden or output", id="nothing"),
        pytest.param("generate", {"facts": ["x"], "language": "German"}, "expected.language: String", id="no code"),
        pytest.param("classify", {"label": "x"}, "expected.labels: Field required", id="label"),
        pytest.param(
            "extract",
            {"entities": [{"text": "Ada", "type": "PERSON", "start": 2, "end": 5}]},
            "expected.entities.0.label: Field required",
            id="type",
        ),
        pytest.param(
            "extract",
            {"entities": [{"text": "Ada", "label": "PERSON", "start": 3, "end": 6}]},
            "expected.entities.0: at 3 to 6 there stands 'da ' and not 'Ada'; offsets count code points",
            id="offsets in UTF-16",
        ),
    ],
)
def test_a_wrong_expectation_is_told_with_its_place(
    tmp_path: Path, task: str, expected: Mapping[str, Any], told: str
) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(f"golden.jsonl:2: {told}")):
        load_dataset(written(tmp_path, task, expected))


def test_an_empty_file_holds_no_case(tmp_path: Path) -> None:
    (tmp_path / "golden.jsonl").write_text("")
    assert load_dataset(tmp_path) == []


def test_a_text_may_hold_a_line_separator_of_unicode(tmp_path: Path) -> None:
    case = {"id": "one", "task": "classify", "input": {"text": "a\u2028b"}, "expected": {"labels": ["x"]}}
    (tmp_path / "golden.jsonl").write_text(json.dumps(case, ensure_ascii=False) + "\n", encoding="utf-8")
    assert [one.input.text for one in load_dataset(tmp_path)] == ["a\u2028b"]
