"""The digest of a dataset: what evidence is about."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from chains.errors import ConfigurationError
from eval.datasets import dataset_digest

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
