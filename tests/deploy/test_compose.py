"""The compose files: nothing here can run them, so they are parsed and compared with what they speak of."""

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.deploy.composition import GPU, INCLUDED, composition

FILES = (GPU, INCLUDED)
SERVICES = [(file, name) for file in FILES for name in composition(file).services]
PROFILES = {"postgres": "scale", "redis": "scale", "balancer": "scale", "prometheus": "observe", "grafana": "observe"}
# What an image's own documentation says is in it; the service's image is checked in test_image.py.
PROGRAMS = {
    "ollama": {"ollama"},
    "postgres": {"pg_isready", "postgres"},
    "redis": {"sh", "cat", "redis-cli", "redis-server", "grep"},
    "balancer": {"wget", "haproxy"},
    "prometheus": {"wget", "prometheus"},
    "grafana": {"wget"},
}
MADE_LATER = {"metrics_api_key"}  # by the service, for Prometheus


def seconds(duration: str) -> int:
    found = re.fullmatch(r"(\d+)s", duration)
    assert found, duration
    return int(found[1])


@pytest.mark.parametrize(("file", "name"), SERVICES)
class TestEveryService:
    def test_has_no_rights_that_it_does_not_need(self, file: str, name: str) -> None:
        service = composition(file).services[name]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service
        assert "cap_add" not in service
        assert service["read_only"] is (name != "ollama")

    def test_has_limits(self, file: str, name: str) -> None:
        service = composition(file).services[name]
        assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
        assert 0 < service["pids_limit"] <= 1024
        options = service["logging"]["options"]
        assert re.fullmatch(r"\d+m", options["max-size"])
        assert int(options["max-file"]) >= 2

    def test_pins_its_image(self, file: str, name: str) -> None:
        image = composition(file).services[name]["image"]
        assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+(\.\d+)?(-[a-z0-9]+)?", image), image

    def test_listens_on_loopback_of_the_host_only(self, file: str, name: str) -> None:
        for port in composition(file).services[name].get("ports", ()):
            assert re.fullmatch(r"127\.0\.0\.1:\$\{DEPLOY_\w*PORT-\d+\}:\d+", port), port

    def test_refers_to_what_the_file_defines(self, file: str, name: str) -> None:
        compose = composition(file)
        for section in ("networks", "volumes", "configs", "secrets"):
            assert compose.names(name, section) <= compose.top(section).keys(), section
        for other, how in compose.services[name].get("depends_on", {}).items():
            needed = compose.services[other]
            optional = needed.get("profiles", []) != compose.services[name].get("profiles", needed.get("profiles", []))
            assert how["condition"] in {"service_healthy", "service_completed_successfully"}
            if optional and "profiles" in needed:
                assert how["required"] is False
            assert how["condition"] != "service_healthy" or "test" in needed.get("healthcheck", {}) or "build" in needed

    def test_is_watched(self, file: str, name: str) -> None:
        service = composition(file).services[name]
        if "build" in service:  # the image has the check; what ends by itself is not watched
            assert service.get("healthcheck") == ({"disable": True} if service["restart"] == "no" else None)
            return
        kind, *command = service["healthcheck"]["test"]
        words = command if kind == "CMD" else re.findall(r"\b(?:cat|redis-cli|grep)\b", command[0])
        used = set(words[:1]) if kind == "CMD" else set(words)
        assert used
        assert used <= PROGRAMS[name]
        assert {"interval", "timeout", "retries"} <= service["healthcheck"].keys()


@pytest.mark.parametrize("file", FILES)
def test_no_secret_stands_in_the_file(file: str) -> None:
    compose = composition(file)
    variables = [pair for service in compose.services.values() for pair in service.get("environment", {}).items()]
    secret = {name: value for name, value in variables if re.search("PASSWORD|KEY|TOKEN|SECRET", name)}
    assert all(value.startswith("/run/secrets/") for value in secret.values())
    assert all(set(entry) == {"file"} for entry in compose.top("secrets").values())
    assert not re.search(r"://[^/\s:]+:[^/\s]+@", (ROOT / file).read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", FILES)
def test_all_that_is_defined_is_used(file: str) -> None:
    compose = composition(file)
    for section in ("networks", "volumes", "configs", "secrets"):
        used = {name for service in compose.services for name in compose.names(service, section)}
        assert used == compose.top(section).keys(), section


@pytest.mark.parametrize("file", FILES)
def test_every_file_that_is_mounted_exists(file: str) -> None:
    compose = composition(file)
    files = [str(entry["file"]) for entry in compose.top("configs").values()]
    files += [
        str(volume).partition(":")[0]
        for service in compose.services.values()
        for volume in service.get("volumes", ())
        if str(volume).startswith(".")
    ]
    plain = [re.sub(r"\$\{\w+-(.*)\}", r"\1", name) for name in files]
    assert [name for name in plain if not (ROOT / name).exists()] == []


def test_profiles_are_as_the_guide_says() -> None:
    found = {name: service.get("profiles") for name, service in composition(GPU).services.items()}
    assert found == {name: [PROFILES[name]] if name in PROFILES else None for name in found}
    assert PROFILES.keys() <= found.keys()


def test_model_server_and_databases_are_reached_from_inside_only() -> None:
    compose = composition(GPU)
    for name in ("ollama", "postgres", "redis", "model"):
        assert "ports" not in compose.services[name]
    assert compose.top("networks")["data"] == {"internal": True}
    members = {name for name in compose.services if "data" in compose.names(name, "networks")}
    assert members == {"copydesk", "postgres", "redis"}
    assert {name for name in compose.services if "models" in compose.names(name, "networks")} == {
        "copydesk",
        "model",
        "ollama",
    }


def test_the_model_is_there_before_the_service_starts() -> None:
    services = composition(GPU).services
    assert services["copydesk"]["depends_on"]["model"] == {"condition": "service_completed_successfully"}
    assert services["model"]["depends_on"]["ollama"] == {"condition": "service_healthy"}
    assert services["model"]["restart"] == "no"
    assert services["model"]["entrypoint"][2].endswith("|| exec copydesk backends pull gpu")
    assert services["model"]["environment"] == services["copydesk"]["environment"]
    (device,) = services["ollama"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}


@pytest.mark.parametrize("file", FILES)
def test_the_service_has_time_to_stop_and_files_to_open(file: str) -> None:
    service = composition(file).services["copydesk"]
    assert seconds(service["stop_grace_period"]) >= 40
    assert service["ulimits"]["nofile"] >= 65536
    assert service["init"] is True
    assert "data:/var/lib/copydesk" in service["volumes"]


def test_without_a_gpu_the_service_is_on_loopback_of_the_host() -> None:
    service = composition(INCLUDED).services["copydesk"]
    assert service["network_mode"] == "host"
    assert "ports" not in service
    assert service["environment"] == {"COPYDESK_SERVER__HOST": "127.0.0.1"}


def test_variables_of_the_environment_have_defaults_and_no_name_of_the_services_own() -> None:
    """A variable COPYDESK_... of the operator's shell would be read by the service itself."""
    text = (ROOT / GPU).read_text(encoding="utf-8")
    used = set(re.findall(r"(?<!\$)\$\{(\w+)-[^}]+\}", text))
    assert used
    assert len(re.findall(r"(?<!\$)\$[{\w]", text)) == len(re.findall(r"(?<!\$)\$\{\w+-[^}]+\}", text))
    given = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / "deploy" / "scale.env").read_text(), re.MULTILINE))
    assert given.keys() - {"COMPOSE_PROFILES"} <= used
    assert all(name.startswith("DEPLOY_") for name in used)
    assert (ROOT / given["DEPLOY_CONFIG"]).is_file()
    assert given["COMPOSE_PROFILES"] in PROFILES.values()


def test_secrets_are_made_by_the_script_and_kept_out_of_git(tmp_path: Path) -> None:
    written = re.findall(r"^write (\w+)", (ROOT / "deploy" / "make-secrets").read_text(), re.MULTILINE)
    secrets = composition(GPU).top("secrets")
    assert set(written) | MADE_LATER == set(secrets)
    assert {name: entry["file"] for name, entry in secrets.items()} == {
        name: f"./deploy/secrets/{name}" for name in secrets
    }
    assert (ROOT / "deploy" / "secrets" / ".gitignore").read_text().splitlines()[0] == "*"
    assert "*" in (ROOT / ".dockerignore").read_text().splitlines()
