"""copydesk.example.yaml is the reference of the configuration: every key and its default; the guide's examples load."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from app.settings import Settings, load_settings
from chains.backends import KINDS, BackendConfig, configuration_class
from chains.strict_yaml import load_yaml
from tests.conftest import ROOT

EXAMPLE = ROOT / "copydesk.example.yaml"
# A script is required, here and there, so its example is no default.
NO_DEFAULTS = {"answers"}


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with the backends that it shows in comments."""
    text = re.sub(r"^  # (\w+:| )", r"  \1", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    path = tmp_path_factory.mktemp("example") / "copydesk.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def keys(example: Path) -> dict[str, Any]:
    loaded = load_yaml(example.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def wrong(model: type[BaseModel], shown: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """The keys that the example lacks, or shows with something other than the default."""
    defaults = {name: field.get_default(call_default_factory=True) for name, field in model.model_fields.items()}
    expected = {name: list(value) if isinstance(value := defaults[name], tuple) else value for name in names}
    return {name: shown.get(name, "absent") for name in names if shown.get(name, "absent") != expected[name]}


@pytest.mark.parametrize("section", ["server", "prompts", "documents", "cache"])
def test_it_holds_every_key_of_a_section(keys: dict[str, Any], section: str) -> None:
    model = type(getattr(Settings(), section))
    assert wrong(model, keys[section], set(model.model_fields)) == {}


def test_it_holds_every_section(keys: dict[str, Any]) -> None:
    assert set(keys) == set(Settings.model_fields)


@pytest.mark.parametrize("kind", KINDS)
def test_it_holds_every_key_of_a_kind(keys: dict[str, Any], kind: str) -> None:
    (shown,) = [backend for backend in keys["backends"].values() if backend["kind"] == kind]
    model = configuration_class(kind)
    common, own = BackendConfig.model_fields, set(model.model_fields) - set(BackendConfig.model_fields)
    required = {name for name in own if model.model_fields[name].is_required()} | NO_DEFAULTS & own
    assert required <= shown.keys()
    differing = {name for name in common if model.model_fields[name].default != common[name].default}
    everything = set(common) if kind == "embedded" else differing
    assert wrong(model, shown, (own | everything) - required - {"kind"}) == {}


def test_it_is_a_good_configuration_with_all_its_backends(example: Path) -> None:
    settings = load_settings(example)
    assert {backend.kind for backend in settings.backends.values()} == set(KINDS)


GUIDE = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "backends.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("text", GUIDE)
def test_the_examples_of_the_guide_are_good(tmp_path: Path, text: str) -> None:
    path = tmp_path / "copydesk.yaml"
    path.write_text(text, encoding="utf-8")
    settings = load_settings(path)
    assert {name for route in settings.route().values() for name in route} <= set(settings.backends)


def test_the_guide_shows_every_kind() -> None:
    assert {kind for kind in KINDS if not any(f"kind: {kind}" in text for text in GUIDE)} == set()
