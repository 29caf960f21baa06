"""docs/documents.md: its commands work as they stand."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT, Service, program
from tests.documents.pdfs import lines, pdf

pytestmark = pytest.mark.e2e

GUIDE = (ROOT / "docs" / "documents.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8080"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "report.pdf").write_bytes(pdf([lines("The bridge is closed.")]))
    return tmp_path


def example(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    assert found
    return found[1]


def test_curl(scripted_service: Service, folder: Path) -> None:
    program("curl", "curl")
    command = example("sh").replace(ADDRESS, scripted_service.url)
    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout)["summary"] == "A short answer."


def test_java(scripted_service: Service, folder: Path) -> None:
    source = folder / "SendDocument.java"
    source.write_text(example("java").replace(ADDRESS, scripted_service.url))
    command = [program("java", "openjdk-17-jdk-headless"), str(source)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    status, _, answer = done.stdout.partition(" ")
    assert status == "200", done.stdout + done.stderr
    assert json.loads(answer)["document_text"] == "The bridge is closed."
