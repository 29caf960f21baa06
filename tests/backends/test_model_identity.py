"""Which model a backend has: evidence for one is none for another."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from chains.backends import BackendConfig, configuration_class
from chains.backends.configuration import ModelIdentity
from chains.errors import ConfigurationError
from tests.conftest import require_embedded

ANSWERS: list[dict[str, Any]] = [{"when": "Ada", "answer": {"b": 1, "a": 2}}, {"answer": "Well."}]


def scripted(**keys: Any) -> ModelIdentity:
    return configuration_class("scripted").model_validate({"kind": "scripted", **keys}).identity()


def test_a_script_is_the_same_wherever_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text("# A comment\n" + yaml.safe_dump(ANSWERS))
    found = scripted(answers=ANSWERS)
    assert scripted(path=path) == found
    assert (found.kind, found.model) == ("scripted", "script")
    assert scripted(answers=[{"delay_ms": 0, **answer} for answer in ANSWERS]) == found


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param(ANSWERS[::-1], id="order"),
        pytest.param(ANSWERS[:1], id="an answer less"),
        pytest.param([ANSWERS[0], {"answer": "Well"}], id="a character"),
        pytest.param([{**ANSWERS[0], "when": "ada"}, ANSWERS[1]], id="when"),
    ],
)
def test_another_script_is_another_model(answers: list[dict[str, Any]]) -> None:
    assert scripted(answers=answers) != scripted(answers=ANSWERS)


def test_a_scripts_digest_is_that_of_its_canonical_form() -> None:
    answer = {"answer": "Hi ü", "cut_off": False, "delay_ms": 0, "fail": None, "when": ""}
    canonical = json.dumps([answer], ensure_ascii=False, separators=(",", ":")).encode()
    assert scripted(answers=[{"answer": "Hi ü"}]).digest == "sha256:" + hashlib.sha256(canonical).hexdigest()


def test_a_script_that_is_absent_has_no_identity(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        scripted(path=tmp_path / "absent.yaml")


def test_a_model_file_is_known_by_its_bytes(tmp_path: Path) -> None:
    require_embedded()
    path = tmp_path / "Small-1B.gguf"
    path.write_bytes(b"GGUF" + bytes(100))
    found = configuration_class("embedded").model_validate({"path": path}).identity()
    assert found == ModelIdentity("embedded", "Small-1B", "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest())


def test_the_packaged_model_has_an_identity() -> None:
    require_embedded()
    found = configuration_class("embedded")(kind="embedded").identity()
    assert found.model.startswith("SmolLM2")
    assert len(found.digest) == len("sha256:") + 64


def test_a_kind_that_cannot_tell_says_so() -> None:
    with pytest.raises(NotImplementedError):
        BackendConfig(kind="other").identity()
