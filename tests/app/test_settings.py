"""The configuration: precedence, and every problem at once with its place."""

from pathlib import Path

import pytest

from app.settings import Settings, is_loopback, load_settings
from chains.errors import ConfigurationError


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COPYDESK_CONFIG", raising=False)


def written(folder: Path, text: str) -> Path:
    path = folder / "copydesk.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_anything_the_embedded_backend_serves_everything() -> None:
    settings = load_settings(None)
    assert [backend.kind for backend in settings.backends.values()] == ["embedded"]
    assert settings.route() == {"default": ("local",)}
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8080)


def test_flags_beat_the_environment_and_that_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "server: {port: 1001, workers: 1, max_body_bytes: 4096}")
    monkeypatch.setenv("COPYDESK_SERVER__PORT", "1002")
    monkeypatch.setenv("COPYDESK_SERVER__WORKERS", "2")
    server = load_settings(path, {"server": {"port": 1003}}).server
    assert (server.port, server.workers, server.max_body_bytes) == (1003, 2, 4096)


def test_the_environment_may_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPYDESK_CONFIG", str(written(tmp_path, "server: {port: 1004}")))
    assert load_settings(None).server.port == 1004


def test_the_file_of_the_folder_serves_where_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(None).server.port == 8080
    written(tmp_path, "server: {port: 1005}")
    assert load_settings(None).server.port == 1005


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("servr: {port: 1}", "servr: unknown key", id="unknown section"),
        pytest.param("server: {prot: 1}", "server.prot: unknown key", id="unknown key"),
        pytest.param("server: {port: x}", "server.port: Input should be a valid integer", id="wrong type"),
        pytest.param("server: {port: 70000}", "server.port: Input should be less than or equal", id="out of range"),
        pytest.param("backends: {a: {kind: gpt}}", "backends.a: kind must be one of embedded", id="unknown kind"),
        pytest.param("backends: {a: {}}", "backends.a: kind must be one of", id="no kind"),
        pytest.param("backends: {a: {kind: embedded, slots: 2}}", "backends.a.slots: unknown key", id="in a backend"),
        pytest.param("backends: {a: {kind: scripted}}", "backends.a: give either path or answers", id="no script"),
        pytest.param(
            "server: {workers: 3}", "backends.local.concurrency: 2 slots can't be divided among 3", id="too few slots"
        ),
        pytest.param("backends: {}", "backends: name at least one", id="no backend"),
        pytest.param("routes: {default: [a, a]}", "routes.default: 'a' stands twice", id="twice in a route"),
        pytest.param(
            "backends: {gpu: {kind: ollama}}", "copydesk.yaml: backends.gpu.model: this is required", id="no model"
        ),
        pytest.param("routes: {default: []}", "routes.default: name at least one", id="empty route"),
        pytest.param("- a", "must be a mapping", id="not a mapping"),
        pytest.param("a: [", "copydesk.yaml:1:5: not valid YAML", id="not YAML"),
        pytest.param("server: {port: 1}\nserver: {port: 2}", "yaml:2:1: the key 'server' stands twice", id="twice"),
        pytest.param("8080: x", "yaml:1:1: the key '8080' is not a text", id="a number as key"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path)
    assert message in str(caught.value)


def test_every_problem_is_listed_at_once_with_its_origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "server: {port: x}\nfoo: 1\n")
    monkeypatch.setenv("COPYDESK_SERVER__WORKERS", "0")
    monkeypatch.setenv("COPYDESK_SERVR__PORT", "1")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path, {"server": {"host": 5}})
    starts = [problem.rsplit(": ", 1)[0] for problem in caught.value.problems]
    assert len(starts) == 5
    assert any(problem.startswith(f"{path}: server.port:") for problem in caught.value.problems)
    assert any(problem.startswith(f"{path}: foo:") for problem in caught.value.problems)
    assert any(problem.startswith("environment: COPYDESK_SERVER__WORKERS:") for problem in caught.value.problems)
    assert any(problem.startswith("environment: COPYDESK_SERVR__PORT:") for problem in caught.value.problems)
    assert any(problem.startswith("flag: server.host:") for problem in caught.value.problems)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.yaml: the configuration file cannot be read: No such file"):
        load_settings(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("LOCALHOST", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("example.org", False),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
        ("", False),
    ],
)
def test_knows_loopback_names(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_settings_are_immutable() -> None:
    server = Settings().server
    with pytest.raises(ValueError, match="frozen"):
        setattr(server, "port", 1)  # noqa: B010 - mypy sees the plain assignment
