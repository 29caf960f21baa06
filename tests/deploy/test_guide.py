"""docs/deploy.md: what it names exists, its configurations load, its backup is one."""

import re
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml

from app.sections import DatabaseSettings
from app.settings import load_settings
from app.store.database import Database
from app.store.upgrade import newest, revision_of, upgrade
from cli.main import app
from tests.conftest import ROOT

GUIDE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
SHELL = [text for kind, text in BLOCKS if kind == "sh"]
YAML = [text for kind, text in BLOCKS if kind == "yaml"]


def test_every_file_that_it_names_exists() -> None:
    named = set(re.findall(r"(?<![/\w])(?:deploy|docs|tests)/[\w./-]*\w", GUIDE))
    named |= set(re.findall(r"docker-compose[\w.]*\.yml", GUIDE)) - {"docker-compose.override.yml"}
    secrets = {
        "deploy/secrets/first_api_key",
        "deploy/secrets/metrics_api_key",
        "deploy/secrets/grafana_admin_password",
    }
    assert "deploy/haproxy/haproxy.cfg" in named
    assert sorted(name for name in named - secrets if not (ROOT / name).exists()) == []


def test_its_links_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", GUIDE, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    targets = re.findall(r"\]\(([^)]+)\)", GUIDE)
    assert targets
    assert {target for target in targets if target.startswith("#") and target[1:] not in anchors} == set()


def commands(group: typer.Typer, prefix: str = "") -> set[str]:
    found = set()
    for command in group.registered_commands:
        assert command.callback
        found.add(prefix + (command.name or command.callback.__name__))
    for inner in group.registered_groups:
        assert inner.typer_instance
        found |= commands(inner.typer_instance, f"{prefix}{inner.name} ")
    return found


def test_every_command_of_the_service_exists() -> None:
    known = commands(app)
    text = "\n".join(SHELL) + "\n".join(re.findall(r"`(copydesk [^`]+)`", GUIDE))
    given = re.findall(r"(?:^|/|\s)copydesk ((?:config|keys|prompts|backends|usage) [a-z]+|serve)", text)
    assert {"keys create", "config check", "backends pull"} <= set(given)
    assert set(given) - known == set()


def test_make_has_its_targets() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)\b", "\n".join(SHELL))) <= targets


@pytest.mark.parametrize("text", YAML)
def test_its_yaml_is_good(tmp_path: Path, text: str) -> None:
    class Loader(yaml.SafeLoader):
        """Compose's own tags, as `!reset null`."""

    Loader.add_constructor("!reset", lambda loader, node: None)
    assert isinstance(yaml.load(text, Loader), dict)
    if text.startswith("backends:"):
        path = tmp_path / "copydesk.yaml"
        path.write_text(text, encoding="utf-8")
        assert load_settings(path).backends


def test_the_backup_of_sqlite_is_whole_and_private(tmp_path: Path) -> None:
    """By the guide's own lines, while the database is open and what is in it stands in its log only."""
    found = re.search(r"<<'PYTHON'\n(.*?)^PYTHON$", GUIDE, re.DOTALL | re.MULTILINE)
    assert found
    database = Database(DatabaseSettings(url=f"sqlite:///{tmp_path}/copydesk.db"))
    upgrade(database)
    with database.transaction() as connection:
        connection.exec_driver_sql("CREATE TABLE kept (x INTEGER)")
        connection.exec_driver_sql("INSERT INTO kept VALUES (17)")
    assert (tmp_path / "copydesk.db-wal").stat().st_size > 0
    script = found[1].replace("/var/lib/copydesk", str(tmp_path))
    subprocess.run([sys.executable, "-c", script], check=True)
    database.close()
    copy = tmp_path / "backup.db"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with sqlite3.connect(copy) as restored:
        assert restored.execute("SELECT x FROM kept").fetchall() == [(17,)]
    restored.close()
    again = Database(DatabaseSettings(url=f"sqlite:///{copy}"))
    assert revision_of(again) == newest()
    again.close()
