"""Files that nothing here can run: parsed, and compared with what they speak of."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT


def pins(name: str) -> dict[str, str]:
    """Version by canonical name."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE)
    return {canonicalize_name(package): version for package, version in found}


def unmet(declared: list[str], locked: dict[str, str]) -> list[str]:
    """The requirements that the lock leaves out or pins outside their range."""
    wanted = [Requirement(line) for line in declared]
    return [
        str(one)
        for one in wanted
        if (version := locked.get(canonicalize_name(one.name))) is None or not one.specifier.contains(version)
    ]


def test_the_locks_pin_with_hashes_and_name_no_address() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        assert "--index-url" not in text
        entries = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
        assert [entry for entry in entries if entry.strip() and "--hash=sha256:" not in entry] == []


def test_the_locks_cover_what_the_project_declares_and_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    runtime = project["project"]["dependencies"] + project["project"]["optional-dependencies"]["embedded"]
    runtime += groups["model"] + groups["build"]
    locked, with_tools = pins("requirements.lock"), pins("requirements-dev.lock")
    assert unmet(runtime, locked) == []
    assert unmet(groups["dev"], with_tools) == []
    assert locked.items() <= with_tools.items()
    assert "pytest" not in locked


def test_ci_installs_its_packages_and_runs_the_readmes_command() -> None:
    packages = [line for line in (ROOT / ".ci" / "packages").read_text().splitlines() if line and line[0] != "#"]
    assert packages
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", package) for package in packages)
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text().rstrip().endswith("exec make test")


def test_no_file_names_a_machine_or_a_registry() -> None:
    forbidden = re.compile(r"/(?:work|root|home/\w+)/|pypi\.org|pythonhosted|npmjs|repo1\.maven|proxy\.golang")
    folders = ("app", "chains", "cli", "eval", "prompts", "docs", "tests", "bench", "deploy", ".ci")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    files += [
        path for path in ROOT.iterdir() if path.is_file() and path.suffix in {".md", ".toml", ".lock", ".yml", ".yaml"}
    ]
    own = Path(__file__).resolve()
    wrong = [
        path.relative_to(ROOT).as_posix()
        for path in files
        if path != own and path.suffix not in {".pyc", ".png"} and forbidden.search(path.read_text("utf-8", "replace"))
    ]
    assert wrong == []
