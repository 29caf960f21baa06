"""The command line: what it prints, where, and with which exit code. Never a traceback."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, require_embedded, scripted_configuration, serving
from tests.documents.pdfs import lines, pdf

pytestmark = pytest.mark.e2e
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def script(tmp_path: Path) -> str:
    return str(scripted_configuration(tmp_path))


@pytest.mark.parametrize("source", [(), ("-",), ("--file", "-")], ids=" ".join)
def test_run_prints_the_text_and_who_wrote_it(copydesk: Command, script: str, source: tuple[str, ...]) -> None:
    done = copydesk("run", "summarize", *source, "-c", script, "-o", "max_words=30", stdin="Some text.")
    assert (done.returncode, done.stdout) == (0, "A short answer.\n")
    assert "summarize@1.3.0" in done.stderr
    assert "tokens in" in done.stderr


def test_run_json_is_the_whole_result(copydesk: Command, script: str, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("😀 Ada and Bob")
    option = 'types=[{"name": "NAME"}]'
    done = copydesk(
        "run",
        "extract",
        "--file",
        str(tmp_path / "text.txt"),
        "-o",
        option,
        "-o",
        "prompt=1.0.0",
        "--json",
        "-c",
        script,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert [entity["offset"] for entity in answer["entities"]] == [3, 11]
    assert answer["meta"]["prompt"]["name"] == "extract"


def test_run_reads_a_document(copydesk: Command, script: str, tmp_path: Path) -> None:
    (tmp_path / "report.PDF").write_bytes(pdf([lines("The bridge is closed."), lines()]))
    done = copydesk("run", "summarize", "--document", str(tmp_path / "report.PDF"), "-c", script)
    assert (done.returncode, done.stdout) == (0, "A short answer.\n"), done.stderr
    assert "1 pages without text" in done.stderr


def test_run_says_why_a_document_cannot_be_read(copydesk: Command, script: str, tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(pdf([lines()]))
    done = copydesk("run", "summarize", "--document", str(tmp_path / "report.pdf"), "-c", script)
    assert (done.returncode, done.stdout) == (2, "")
    assert "scanned" in done.stderr


def test_run_takes_a_text_option_as_it_stands(copydesk: Command, script: str) -> None:
    done = copydesk("run", "rewrite", "-c", script, "-o", "instruction=2024", stdin="x")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "words"),
    [
        pytest.param(["run", "translate"], "x", 2, "There is no task 'translate'. The tasks are: classify", id="task"),
        pytest.param(["run", "summarize"], "  ", 2, "/text: The text is empty", id="empty text"),
        pytest.param(["run", "summarize"], b"\xff", 2, "--file -: not UTF-8: the byte at 0", id="not UTF-8"),
        pytest.param(["run", "summarize", "-f", "absent.txt"], "", 2, "--file absent.txt: No such file", id="no file"),
        pytest.param(["run", "summarize", "-o", "max_words"], "x", 2, "give key=value", id="no value"),
        pytest.param(["run", "summarize", "-o", "words=3"], "x", 2, "where key is one of", id="unknown option"),
        pytest.param(["run", "summarize", "-o", "max_words=x"], "x", 2, "/max_words: Input should be", id="type"),
        pytest.param(["run", "summarize"], "outage", 1, "Backend 'script': failed as its script says", id="backend"),
        pytest.param(["run"], "", 2, "Missing argument", id="usage"),
        pytest.param(["run", "summarize", "a.txt"], "x", 2, "name the file with --file a.txt", id="file as argument"),
        pytest.param(["run", "summarize", "-f", "a.txt", "-"], "x", 2, "give --file or -, not both", id="two texts"),
        pytest.param(["run", "summarize", "-d", "a.doc"], "", 2, "must end in one of .pdf, .html", id="suffix"),
        pytest.param(["run", "summarize", "-d", "a.pdf"], "", 2, "--document a.pdf: No such file", id="no document"),
        pytest.param(["run", "summarize", "-d", "a.pdf", "-"], "", 2, "--document or a text, not both", id="both"),
        pytest.param(["run", "generate", "-d", "a.pdf"], "", 2, "generate takes no document", id="takes none"),
        pytest.param(
            ["run", "summarize", "-d", "README.md", "-o", "text=x"], "", 2, "one of them, not both", id="text too"
        ),
        pytest.param(["nothing"], "", 2, "No such command", id="command"),
    ],
)
def test_errors_go_to_stderr_with_a_code(
    copydesk: Command, script: str, arguments: list[str], stdin: str | bytes, code: int, words: str
) -> None:
    options = ["-c", script] if arguments[:1] == ["run"] else []
    done = copydesk(*arguments, *options, stdin=stdin)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_version(copydesk: Command) -> None:
    done = copydesk("version")
    assert done.returncode == 0
    assert done.stdout.startswith("copydesk 0.")


def test_config_show_is_valid_yaml_with_everything(copydesk: Command, script: str) -> None:
    shown = yaml.safe_load(copydesk("config", "show", "-c", script).stdout)
    assert shown["server"]["port"] == 8080
    assert shown["backends"]["script"]["kind"] == "scripted"


def test_config_check_says_what_serves_what(copydesk: Command, script: str) -> None:
    done = copydesk("config", "check", "-c", script)
    assert done.returncode == 0, done.stderr
    assert "The configuration is good." in done.stdout
    assert "summarize@1.3.0" in done.stdout
    assert "script (scripted)" in done.stdout


def test_the_example_configuration_is_good(copydesk: Command) -> None:
    require_embedded()
    done = copydesk("config", "check", "-c", "copydesk.example.yaml")
    assert done.returncode == 0, done.stderr


def refused(copydesk: Command, *arguments: str, folder: Path = ROOT) -> str:
    """What a start that is refused says."""
    done = copydesk("serve", "--port", "0", *arguments, folder=folder)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_start_with_wrong_configuration_lists_every_problem(copydesk: Command, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("server: {prot: 1}\nbackends: {a: {kind: gpt}}\nfoo: 1\n")
    said = refused(copydesk, "-c", str(path))
    assert f"{path}: server.prot: unknown key" in said
    assert f"{path}: backends.a: kind must be one of" in said
    assert f"{path}: foo: unknown key" in said


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        pytest.param({"kind": "embedded", "path": "absent.gguf"}, "absent.gguf cannot be read: No such file", id="no"),
        pytest.param({"kind": "embedded", "path": "."}, "cannot be read: Is a directory", id="a folder"),
        pytest.param({"kind": "embedded", "path": "README.md"}, "README.md is not a GGUF file", id="other file"),
        pytest.param(
            {"kind": "scripted", "path": "absent.yaml"}, "absent.yaml: the script cannot be read", id="script"
        ),
    ],
)
def test_a_start_without_its_files_is_refused(
    copydesk: Command, tmp_path: Path, backend: dict[str, str], words: str
) -> None:
    require_embedded()
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump({"backends": {"a": backend}}))
    assert words in refused(copydesk, "-c", str(path))


def test_a_start_with_a_corrupt_model_is_refused(copydesk: Command, tmp_path: Path) -> None:
    require_embedded()
    from chains.backends.embedded.model_file import model_file

    corrupt = tmp_path / "cut.gguf"
    corrupt.write_bytes(model_file(None).read_bytes()[:1_000_000])
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump({"backends": {"a": {"kind": "embedded", "path": str(corrupt)}}}))
    said = refused(copydesk, "-c", str(path))
    assert f"the model file {corrupt} cannot be loaded" in said


def test_a_start_with_a_broken_prompt_names_file_line_and_column(
    copydesk: Command, script: str, tmp_path: Path
) -> None:
    for name in ("classify", "extract", "generate", "rewrite", "summarize"):
        (tmp_path / "prompts" / name).mkdir(parents=True)
        front = "---\ndescription: x\nchangelog: x\ninputs: {}\n---\n"
        (tmp_path / "prompts" / name / "1.0.0.j2").write_text(front + "user:\nHello\n")
    broken = tmp_path / "prompts" / "summarize" / "1.0.0.j2"
    broken.write_text(broken.read_text() + "  {{ oops }\n")
    said = refused(copydesk, "-c", script, folder=tmp_path)
    assert "summarize/1.0.0.j2:8:3: unexpected '}'" in said


def test_a_start_on_a_used_port_is_refused(copydesk: Command, script: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = copydesk("serve", "--port", str(taken.getsockname()[1]), "-c", script)
    assert done.returncode == 2
    assert "cannot listen on 127.0.0.1 port" in done.stderr
    assert "Address already in use" in done.stderr


def test_a_start_open_to_the_network_is_refused(copydesk: Command, script: str) -> None:
    assert "0.0.0.0 is not a loopback address" in refused(copydesk, "-c", script, "--host", "0.0.0.0")


def test_a_route_falls_back_where_the_error_can_be_retried(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    backends = {
        "first": {"kind": "scripted", "answers": [{"when": "refusal", "fail": "rejected"}, {"fail": "unavailable"}]},
        "second": {"kind": "scripted", "answers": [{"answer": "Second."}]},
    }
    path.write_text(yaml.safe_dump({"backends": backends, "routes": {"default": ["first", "second"]}}))
    with serving("-c", str(path)) as service, service.client() as client:
        meta = client.post("/v1/summarize", json={"text": "x"}).json()["meta"]
        assert meta["backend"] == "second"
        tried_and_tried_again = [("first", "backend_unavailable")] * 2
        assert [(attempt["backend"], attempt["code"]) for attempt in meta["attempts"]] == tried_and_tried_again
        assert client.post("/v1/summarize", json={"text": "refusal"}).json()["code"] == "backend_rejected"


def test_two_workers_serve_and_stop(script: str) -> None:
    with serving("-c", script, "--workers", "2") as service, service.client() as client:
        assert client.post("/v1/summarize", json={"text": "x"}).status_code == 200
        assert service.stop(signal.SIGTERM) == 0


def test_a_broken_pipe_is_no_traceback(script: str) -> None:
    command = f"{sys.executable} -m cli.main config show -c {script} | head -c 1"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, env=os.environ, check=False)
    assert "Traceback" not in done.stderr
