"""Folders that may not be read are told as that, once, and never as missing files."""

import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from chains.errors import CopydeskError, PromptSetError
from chains.prompts import load_prompt_set
from chains.prompts.lifecycle.releasing import release
from chains.prompts.linting.checks import check_folder
from chains.prompts.lock import LOCK
from tests.prompt_folder import PromptFolder

NOBODY = 65534
BODY = 'user:\n{% include "partials/a.j2" %}{{ text }}\n'


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where everybody may look; pytest's own folders are closed to others."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        folder = PromptFolder.new(Path(place) / "prompts")
        for name, text in {"partials/a.j2": "A\n", "schemas/s.json": "{}", "demo/cases.yaml": "[]"}.items():
            path = folder.path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        folder.write("demo@1.0.0", BODY)
        folder.write("demo@1.1.0", BODY, keys="  more: {type: string, default: x}\noutput: s.json\n")
        folder.write("user@1.0.0", keys="uses: {a: demo@1.0.0}\n")
        prompts = load_prompt_set(folder.path)
        prompt = prompts.get("demo", "1.0.0")
        lock = prompts.lock.with_version(str(prompt), prompt.digest, prompt.ingredients.files)
        (folder.path / LOCK).write_text(lock.text())
        yield folder.path
        for path in (folder.path, *folder.path.iterdir()):
            path.chmod(0o755)


def drop() -> None:
    """Root may read everything."""
    if os.geteuid() == 0:
        os.setuid(NOBODY)


def found(folder: Path) -> list[str]:
    try:
        return [str(finding.error()) for finding in check_folder(folder, {}).findings]
    except PromptSetError as error:
        return [str(one) for one in error.errors]


def step(folder: Path) -> str:
    with pytest.raises(CopydeskError) as caught:
        release(folder, "demo", "1.1.0", {})
    return str(caught.value)


@pytest.fixture
def pool() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, get_context("fork"), initializer=drop) as pool:
        yield pool


@pytest.mark.parametrize("mode", [0o000, 0o444], ids=["nothing", "only its names"])
@pytest.mark.parametrize("name", ["", "partials", "demo", "schemas"])
def test_a_folder_that_cannot_be_read(folder: Path, pool: ProcessPoolExecutor, name: str, mode: int) -> None:
    closed = folder / name
    closed.chmod(mode)
    told = pool.submit(found, folder).result()
    place = closed / "s.json" if name == "schemas" else closed
    assert len(told) == 1
    assert told[0].startswith(f"{place}: cannot be read: Permission denied")


def test_a_folder_above_it(folder: Path, pool: ProcessPoolExecutor) -> None:
    folder.parent.chmod(0o000)
    (told,) = pool.submit(found, folder).result()
    folder.parent.chmod(0o755)
    assert told.startswith(f"{folder}: cannot be read: Permission denied")


@pytest.mark.parametrize("name", ["labels.yaml", "prompts.lock", "partials/a.j2", "demo/1.0.0.j2", "demo/cases.yaml"])
def test_a_file_that_cannot_be_read(folder: Path, pool: ProcessPoolExecutor, name: str) -> None:
    (folder / name).chmod(0o000)
    told = pool.submit(found, folder).result()
    assert f"{folder / name}: cannot be read: Permission denied" in told[0]
    assert not [line for line in told if "there is no" in line and name.startswith("partials")]


def test_a_folder_that_cannot_be_written(folder: Path, pool: ProcessPoolExecutor) -> None:
    folder.chmod(0o555)
    told = pool.submit(step, folder).result()
    assert f"{folder}/.lock: cannot be written: Permission denied" in told
