"""The size of what is installed: what a package needs on this machine, and which files count."""

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from bench.side_by_side.footprint import needed, packages_mib, project_requirements, tree_mib
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("requirements", "expected"),
    [
        pytest.param(["Jinja2>=3"], {"jinja2", "markupsafe"}, id="what it needs comes with it"),
        pytest.param(["jinja2", "MarkupSafe"], {"jinja2", "markupsafe"}, id="named twice"),
        pytest.param(["jinja2 ; python_version < '3'"], set(), id="not for this machine"),
        pytest.param(["jinja2 ; extra == 'more'"], set(), id="for an extra that nobody asked for"),
        pytest.param(["no-such-package-of-ours"], set(), id="not installed"),
        pytest.param(["pydantic-core"], {"pydantic-core", "typing-extensions"}, id="name with a dash"),
    ],
)
def test_what_is_needed(requirements: list[str], expected: set[str]) -> None:
    assert needed(requirements) == expected


@pytest.mark.parametrize("requirements", [["jsonschema", "jsonschema[format]"], ["jsonschema[format]", "jsonschema"]])
def test_an_extra_brings_more_whatever_comes_first(requirements: list[str]) -> None:
    plain = needed(["jsonschema"])
    assert "attrs" in plain
    assert "idna" not in plain
    assert needed(requirements) == needed(["jsonschema[format]"]) >= plain | {"idna"}


def test_the_project_needs_what_its_requirements_name() -> None:
    base = needed(project_requirements(ROOT))
    assert {"fastapi", "langchain-core", "starlette"} <= base
    assert not {"xllamacpp", "pypdf", "pytest"} & base
    assert "pypdf" in needed(project_requirements(ROOT, "documents"))


def test_bytecode_and_folders_count_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "module.py").write_bytes(b"x" * 2**20)
    (tmp_path / "__pycache__/module.cpython-311.pyc").write_bytes(b"x" * 2**20)
    assert tree_mib(tmp_path) == 1.0


def test_a_package_has_a_size() -> None:
    assert 0.1 < packages_mib(["jinja2"]) < packages_mib(["jinja2", "aiohttp"])
    with pytest.raises(PackageNotFoundError):
        packages_mib(["no-such-package-of-ours"])
