"""docs/java.md: its program runs as it stands there, and its options are the tested ones."""

import re
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.conftest import ROOT, Service, program
from tests.e2e.test_generated_client import OPTIONS

pytestmark = pytest.mark.e2e

GUIDE = (ROOT / "docs" / "java.md").read_text()


def test_the_options_of_the_guide_are_the_tested_ones() -> None:
    plugin = ET.fromstring(re.findall(r"```xml\n(.*?)```", GUIDE, re.DOTALL)[0])
    options = plugin.find(".//configOptions")
    assert options is not None
    assert {option.tag: option.text for option in options} == OPTIONS


def test_the_program_of_the_guide_runs(scripted_service: Service, tmp_path: Path) -> None:
    source = next(code for code in re.findall(r"```java\n(.*?)```", GUIDE, re.DOTALL) if "public class" in code)
    (tmp_path / "CopydeskExample.java").write_text(source)
    command = [program("java", "openjdk-17-jdk-headless"), str(tmp_path / "CopydeskExample.java")]
    done = subprocess.run(
        [*command, scripted_service.url], capture_output=True, text=True, timeout=240, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    response, *events = done.stdout.splitlines()
    assert response.startswith('{"summary":"A short answer."')
    assert [event.split()[0] for event in events] == ["delta", "delta", "delta", "done"]
