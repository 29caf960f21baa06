"""The systemd unit: systemd's own parser takes it, and what it hands over is what the service reads."""

import re
import subprocess
from pathlib import Path

import pytest

from app.settings import load_settings
from tests.conftest import ROOT, program

UNIT = ROOT / "deploy" / "copydesk.service"
TEXT = UNIT.read_text(encoding="utf-8")
MOST_EXPOSED = 20  # of systemd's 0 (hidden) to 100


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [program("systemd-analyze", "systemd"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_systemd_understands_it(tmp_path: Path) -> None:
    """Its program is where it will be installed, so this one stands for it."""
    unit = tmp_path / UNIT.name
    unit.write_text(TEXT.replace("/opt/copydesk/bin/copydesk", "/bin/true"), encoding="utf-8")
    done = analyze("verify", str(unit))
    assert (done.returncode, done.stderr) == (0, "")


def test_it_leaves_the_service_few_rights() -> None:
    done = analyze("security", "--offline=yes", f"--threshold={MOST_EXPOSED}", "--no-pager", str(UNIT))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("commented", [False, True], ids=["as it is", "with PostgreSQL and Redis"])
def test_every_credential_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, commented: bool) -> None:
    text = re.sub(r"^#(?=LoadCredential|Environment)", "", TEXT, flags=re.MULTILINE) if commented else TEXT
    given = dict(re.findall(r"^LoadCredential=(\w+):/etc/copydesk/secrets/(\w+)$", text, re.MULTILINE))
    read = dict(re.findall(r"^Environment=(COPYDESK_\w+)=%d/(\w+)$", text, re.MULTILINE))
    assert {name: name for name in given} == given
    assert sorted(read.values()) == sorted(given)
    assert len(given) == (3 if commented else 1)
    for name in given.values():
        (tmp_path / name).write_text("0123456789abcdef0123456789abcdef")
    for variable, name in read.items():
        monkeypatch.setenv(variable, str(tmp_path / name))
    path = tmp_path / "copydesk.yaml"
    path.write_text("backends: {rehearsal: {kind: scripted, answers: [{answer: Yes.}]}}")
    settings = load_settings(path)
    assert settings.keys.first_key_file == tmp_path / "first_api_key"
