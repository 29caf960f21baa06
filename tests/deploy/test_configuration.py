"""The configurations in deploy/ load as the service loads them, and agree with what stands around them."""

import re
import stat
import subprocess
from pathlib import Path

import pytest

from app.keys.first_key import read_first_key
from app.keys.scopes import EVERY_SCOPE
from app.settings import Settings, load_settings
from tests.conftest import ROOT
from tests.deploy.composition import GPU, composition

FOLDER = ROOT / "deploy"
FILES = ("copydesk.yaml", "copydesk.scale.yaml")


def loaded(name: str) -> Settings:
    return load_settings(FOLDER / name)


def environment_file() -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", (FOLDER / "scale.env").read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", FILES)
def test_it_loads(name: str) -> None:
    settings = loaded(name)
    assert settings.backends["gpu"].kind == "ollama"
    assert settings.route() == {"default": ("gpu",)}
    assert settings.logging.format == "json"


@pytest.mark.parametrize("name", FILES)
def test_its_secrets_and_folders_are_those_of_the_container(name: str) -> None:
    service = composition(GPU).services["copydesk"]
    settings = loaded(name)
    files = [settings.keys.first_key_file, settings.database.password_file, settings.limits.redis_password_file]
    named = [path for path in files if path is not None]
    assert named
    assert all(str(path.parent) == "/run/secrets" and path.name in service["secrets"] for path in named)
    if settings.database.url.startswith("sqlite"):
        folders = [str(volume).partition(":")[2] for volume in service["volumes"]]
        assert Path(settings.database.url.removeprefix("sqlite:///")).parent.as_posix() in folders


@pytest.mark.parametrize("name", FILES)
def test_its_servers_are_services_of_the_compose_file(name: str) -> None:
    services = composition(GPU).services
    text = (FOLDER / name).read_text(encoding="utf-8")
    hosts = {host for host, _ in re.findall(r"://(?:\w+@)?([\w.-]+):(\d+)", text)}
    assert hosts
    assert hosts <= services.keys()


def test_the_slots_of_all_replicas_are_those_of_ollama() -> None:
    slots = int(composition(GPU).services["ollama"]["environment"]["OLLAMA_NUM_PARALLEL"])
    replicas = int(environment_file()["DEPLOY_REPLICAS"])
    assert loaded("copydesk.yaml").backends["gpu"].concurrency == slots
    assert loaded("copydesk.scale.yaml").backends["gpu"].concurrency * replicas == slots


@pytest.mark.parametrize("name", FILES)
def test_it_stops_before_it_is_stopped(name: str) -> None:
    grace = loaded(name).server.shutdown_grace_s
    whole = int(composition(GPU).services["copydesk"]["stop_grace_period"].removesuffix("s"))
    unit = re.search(r"^TimeoutStopSec=(\d+)$", (FOLDER / "copydesk.service").read_text(), re.MULTILINE)
    assert unit
    assert grace + 10 <= whole == int(unit[1])


def test_secrets_are_written_once_and_hidden_by_their_folder(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"

    def make() -> dict[str, str]:
        done = subprocess.run([FOLDER / "make-secrets", folder], capture_output=True, text=True, check=True)
        assert not any(path.read_text().strip() in done.stdout for path in folder.iterdir())
        return {path.name: path.read_text() for path in folder.iterdir()}

    first = make()
    assert set(first) == {"first_api_key", "postgres_password", "redis_password", "grafana_admin_password"}
    assert len(set(first.values())) == 4
    assert all(re.fullmatch(r"[\w-]{24,}\n", text) for text in first.values())
    assert read_first_key(folder / "first_api_key").scopes == EVERY_SCOPE
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o444}
    (folder / "redis_password").unlink()
    second = make()
    assert {name for name in first if first[name] != second[name]} == {"redis_password"}
