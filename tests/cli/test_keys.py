"""`copydesk keys`, on a database of its own."""

import json
import re
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from chains.errors import ConfigurationError, InvalidInput, NotFoundError
from cli import config
from cli.keys import app
from tests.conftest import ROOT

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPYDESK_DATABASE__URL", f"sqlite:///{tmp_path}/keys.db")


def keys(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def commands_in_the_guides() -> list[str]:
    """Every `copydesk keys create` with options that a guide or a file of the deployment tells to type."""
    files = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "deploy").rglob("*.yml")]
    return sorted(
        {found for file in files for found in re.findall(r"copydesk keys (create [^\n`#>\\]+)", file.read_text())}
    )


@pytest.mark.parametrize("command", commands_in_the_guides())
def test_what_the_guides_tell_to_type_makes_a_key(command: str) -> None:
    made = keys(*re.sub(r"--config \S+", "", command).split())
    assert made.exit_code == 0, made.output


def test_a_key_from_its_creation_to_its_end(copydesk: Run, tmp_path: Path) -> None:
    limits = ("--requests-per-minute", "600", "--monthly-usd", "25")
    made = copydesk("keys", "create", "--name", "orders", "--expires-in", "90d", *limits)
    text = made.stdout.strip()
    assert text.startswith("cdk_")
    key_id, secret = text.split("_")[1:]
    assert "shown this once" in made.stderr
    assert secret not in made.stderr
    assert secret not in (table := copydesk("keys", "list").stdout)
    for shown in (key_id, "orders", "active", "tasks", "requests_per_minute 600, monthly_usd 25"):
        assert shown in table
    assert stat.S_IMODE((tmp_path / "keys.db").stat().st_mode) == 0o600

    rotated = keys("rotate", key_id, "--grace", "1h")
    assert rotated.stdout.startswith(f"cdk_{key_id}_")
    assert rotated.stdout != made.stdout
    assert "The old secret holds until" in rotated.stderr

    revoked = keys("revoke", key_id)
    assert (revoked.exit_code, revoked.stdout) == (0, f"The key {key_id} is revoked.\n")
    assert "That was the last one" in revoked.stderr
    (only,) = json.loads(keys("list", "--json").stdout)
    assert (only["state"], only["limits"]) == ("revoked", {"requests_per_minute": 600, "monthly_usd": 25.0})
    assert only["revoked_at"] is not None
    assert isinstance(keys("rotate", key_id).exception, NotFoundError)


def test_as_json() -> None:
    scopes = ("--scope", "tasks:extract", "--scope", "labels:canary")
    made = json.loads(keys("create", "--name", "nightly", "--json", *scopes).stdout)
    assert made["key"].startswith(f"cdk_{made['id']}_")
    (only,) = json.loads(keys("list", "--json").stdout)
    assert made.pop("key")
    assert only == made
    assert (only["scopes"], only["expires_at"], only["state"]) == (["labels:canary", "tasks:extract"], None, "active")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("create", "--name", " "), "--name: give it 1 to 200 characters", id="no name"),
        pytest.param(("create", "--name", "x", "--scope", "task"), "there is no scope 'task'", id="an unknown scope"),
        pytest.param(("create", "--name", "x", "--scope", "tasks:"), "there is no scope 'tasks:'", id="half a scope"),
        pytest.param(("create", "--name", "x", "--scope", "tasks:foo"), "no task 'foo'", id="a task that isn't there"),
        pytest.param(("create", "--name", "x", "--scope", "drafts:a"), "no scope 'drafts:a'", id="a name too much"),
        pytest.param(
            ("create", "--name", "x", "--expires-in", "soon"), "--expires-in: 'soon' is no duration", id="no time"
        ),
        pytest.param(("rotate", "nobody", "--grace", "1"), "--grace: '1' is no duration", id="no unit"),
        pytest.param(("rotate", "nobody"), "There is no key nobody", id="rotating nothing"),
        pytest.param(("revoke", "nobody"), "There is no key nobody", id="revoking nothing"),
    ],
)
def test_what_is_wrong_is_told(arguments: tuple[str, ...], message: str) -> None:
    done = keys(*arguments)
    assert isinstance(done.exception, InvalidInput | NotFoundError)
    assert message in str(done.exception)
    assert done.stdout == ""


def test_config_check_reads_the_first_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "first").write_text("hunter2")
    monkeypatch.setenv("COPYDESK_KEYS__FIRST_KEY_FILE", str(tmp_path / "first"))
    done = CliRunner().invoke(config.app, ["check"])
    assert isinstance(done.exception, ConfigurationError)
    assert "keys.first_key_file" in str(done.exception)
    assert "hunter2" not in str(done.exception)
