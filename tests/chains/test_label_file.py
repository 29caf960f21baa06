"""labels.yaml is the author's file: an edit changes the label's own characters and nothing else."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from chains.errors import PromptError
from chains.prompts.labels import LABELS, Target, read_labels
from chains.prompts.lifecycle.label_file import HEADING, edited_labels

FILE = """\
# Heading

summarize:   # ours
    production: "1.0.0"   # since May
    # watch the length
    canary: { percent: 10,   version: '1.1.0-rc.1' }  # careful

# The classifier
classify:
    production: 1.0.0

# one line
extract: {production: 1.0.0, staging: 1.1.0}  # flow
rewrite:
  canary:
    version: 1.0.0  # the version
    percent: 2.5    # the share
  production: 0.9.0
  # the end of rewrite
# the end
"""

Changes = Mapping[str, Target | None]


def edited(folder: Path, text: str | None, name: str, changes: Changes) -> str:
    path = folder / LABELS
    if text is not None:
        path.write_text(text)
    new = edited_labels(folder, name, changes)
    path.write_text(new)
    return new


@pytest.mark.parametrize(
    ("name", "changes", "old", "new"),
    [
        pytest.param(
            "summarize", {"production": Target("1.1.0")}, '"1.0.0"   # since', '"1.1.0"   # since', id="in its quotes"
        ),
        pytest.param(
            "summarize",
            {"canary": Target("1.1.0", 50)},
            "{ percent: 10,   version: '1.1.0-rc.1' }",
            "{ percent: 50,   version: '1.1.0' }",
            id="canary in its own order and spacing",
        ),
        pytest.param(
            "rewrite",
            {"canary": Target("1.0.1", 0.00001)},
            "version: 1.0.0  # the version\n    percent: 2.5    #",
            "version: 1.0.1  # the version\n    percent: 0.00001    #",
            id="canary in block style",
        ),
        pytest.param(
            "summarize",
            {"canary": None},
            "    canary: { percent: 10,   version: '1.1.0-rc.1' }  # careful\n",
            "",
            id="the next prompt keeps its comment",
        ),
        pytest.param(
            "classify",
            {"canary": Target("1.1.0", 12.5)},
            "    production: 1.0.0\n\n# one",
            "    production: 1.0.0\n    canary: {version: 1.1.0, percent: 12.5}\n\n# one",
            id="a new label, at the file's indentation",
        ),
        pytest.param(
            "extract",
            {"canary": Target("1.2.0", 10)},
            "staging: 1.1.0}",
            "staging: 1.1.0, canary: {version: 1.2.0, percent: 10}}",
            id="a new label in flow style",
        ),
        pytest.param("extract", {"staging": None}, ", staging: 1.1.0}", "}", id="the last of a line is removed"),
        pytest.param("extract", {"production": None}, "production: 1.0.0, s", "s", id="the first of a line is removed"),
        pytest.param(
            "rewrite",
            {"canary": None},
            "  canary:\n    version: 1.0.0  # the version\n    percent: 2.5    # the share\n",
            "",
            id="a block is removed with its own comments",
        ),
        pytest.param(
            "rewrite",
            {"production": Target("1.0.0"), "canary": None},
            "  canary:\n    version: 1.0.0  # the version\n    percent: 2.5    # the share\n  production: 0.9.0\n",
            "  production: 1.0.0\n",
            id="two changes at once",
        ),
        pytest.param("classify", {"production": None}, "classify:\n    production: 1.0.0\n", "", id="the only label"),
        pytest.param(
            "generate",
            {"production": Target("1.0.0")},
            "# the end\n",
            "# the end\ngenerate:\n  production: 1.0.0\n",
            id="a new prompt",
        ),
    ],
)
def test_nothing_else_is_touched(tmp_path: Path, name: str, changes: Changes, old: str, new: str) -> None:
    assert FILE.count(old) == 1
    assert edited(tmp_path, FILE, name, changes) == FILE.replace(old, new)
    targets = read_labels(tmp_path).get(name, {})
    assert {label: targets.get(label) for label in changes} == dict(changes)


@pytest.mark.parametrize(
    ("text", "name", "label", "expected"),
    [
        pytest.param(None, "demo", "staging", HEADING + "demo:\n  staging: 1.0.0\n", id="no file"),
        pytest.param("", "demo", "staging", "demo:\n  staging: 1.0.0\n", id="an empty file"),
        pytest.param("# mine", "demo", "staging", "# mine\ndemo:\n  staging: 1.0.0\n", id="only a comment"),
        pytest.param(
            "a:\n  b: 2.0.0", "a", "staging", "a:\n  b: 2.0.0\n  staging: 1.0.0\n", id="no line break at the end"
        ),
        pytest.param("{}", "demo", "staging", "{demo: {staging: 1.0.0}}", id="an empty mapping"),
        pytest.param("demo: {}\n", "demo", "staging", "demo: {staging: 1.0.0}\n", id="a prompt without labels"),
        pytest.param(
            "{a: {b: 2.0.0}}\n", "demo", "staging", "{a: {b: 2.0.0}, demo: {staging: 1.0.0}}\n", id="all on one line"
        ),
        pytest.param(
            "'demo':\n  b: 2.0.0\n", "demo", "staging", "'demo':\n  b: 2.0.0\n  staging: 1.0.0\n", id="a quoted name"
        ),
        pytest.param("", "no", "null", '"no":\n  "null": 1.0.0\n', id="names that YAML reads as something else"),
        pytest.param("demo:\n  no-one: 2.0.0\n", "demo", "no-one", "demo:\n  no-one: 1.0.0\n", id="like another"),
        pytest.param(
            "a: {b: 2.0.0}\n...\n# c\n", "demo", "b", "a: {b: 2.0.0}\ndemo:\n  b: 1.0.0\n...\n# c\n", id="end mark"
        ),
        pytest.param(
            "a:\n  b: 2.0.0\n\n  # a's\n# c's\nc: {b: 2.0.0}\n",
            "a",
            "d",
            "a:\n  b: 2.0.0\n\n  # a's\n  d: 1.0.0\n# c's\nc: {b: 2.0.0}\n",
            id="comments below",
        ),
        pytest.param(
            "😀:\n  b: 2.0.0\ndemo: {b: 2.0.0}\n", "demo", "b", "😀:\n  b: 2.0.0\ndemo: {b: 1.0.0}\n", id="😀"
        ),
    ],
)
def test_a_label_is_set(tmp_path: Path, text: str | None, name: str, label: str, expected: str) -> None:
    assert edited(tmp_path, text, name, {label: Target("1.0.0")}) == expected
    assert read_labels(tmp_path)[name][label] == Target("1.0.0")


def test_what_is_set_and_removed_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    for name in ("summarize", "classify", "extract", "rewrite"):
        assert edited(tmp_path, FILE, name, {"nightly": Target("3.0.0")}) != FILE
        assert edited(tmp_path, None, name, {"nightly": None}) == FILE


@pytest.mark.parametrize(
    ("text", "changes", "words"),
    [
        pytest.param("demo: [1]\n", {"a": Target("1.0.0")}, "not a mapping of labels", id="a file that can't be read"),
        pytest.param(
            "demo: {a: 1.0.0, # why\n  b: 1.0.0}\n",
            {"b": None},
            "labels.yaml:2: demo.b: not edited: a comment stands within what is to be removed (write it in block",
            id="a comment between labels of a flow",
        ),
        pytest.param(
            "? demo\n: ? a\n  : 1.0.0\n",
            {"b": Target("1.0.0")},
            "demo.b: not edited: the edit would change more than the label",
            id="explicit keys",
        ),
    ],
)
def test_what_cannot_be_edited_without_loss_is_left_alone(
    tmp_path: Path, text: str, changes: Changes, words: str
) -> None:
    with pytest.raises(PromptError) as caught:
        edited(tmp_path, text, "demo", changes)
    assert words in str(caught.value)
    assert (tmp_path / LABELS).read_text() == text
