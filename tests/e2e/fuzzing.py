"""schemathesis against the running service, in a process of its own."""

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.conftest import ROOT, Service, serving

__all__ = ["Findings", "KeyedService", "fuzz", "keyed_service"]

_CHECKS = (
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "ignored_auth",
    "as_documented",
)
_SCRIPT = [
    {"when": "Which labels", "answer": {"labels": []}},
    {"when": "Types:", "answer": {"entities": []}},
    {"answer": "A short answer."},
]
"""A script that never fails: what schemas of the requests make unusable is the only thing that may go wrong."""


@dataclass(frozen=True)
class KeyedService:
    """A running service with one key, which may do everything."""

    service: Service
    key: str


@dataclass(frozen=True)
class Findings:
    """What schemathesis found. `seen` counts responses: by operation and status, by code, by event."""

    passed: bool
    cases: int
    seconds: float
    seen: dict[str, int]
    report: str

    def succeeded(self, operation: str) -> int:
        """How many requests of an operation were served."""
        return sum(self.seen.get(f"{operation} {status}", 0) for status in (200, 202, 204))


@contextmanager
def keyed_service(folder: Path) -> Iterator[KeyedService]:
    """The service with a key, on a scripted backend."""
    key = f"cdk_fuzz_{secrets.token_hex(32)}"
    (folder / "key").write_text(key)
    settings = {
        "backends": {"script": {"kind": "scripted", "answers": _SCRIPT}},
        "keys": {"first_key_file": str(folder / "key")},
    }
    (folder / "copydesk.yaml").write_text(yaml.safe_dump(settings))
    with serving("--config", str(folder / "copydesk.yaml")) as service:
        yield KeyedService(service, key)


def fuzz(target: KeyedService, folder: Path, *arguments: str, timeout_s: float) -> Findings:
    """Ask the service what its document allows, and what it forbids. Always the same for the same arguments."""
    seen = folder / "seen.json"
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", str(ROOT / "openapi.json")]
    command += ["--url", target.service.url, "-H", f"Authorization: Bearer {target.key}", "--no-color"]
    command += ["--seed", "1", "--generation-database", "none", "--continue-on-failure", "--warnings", "off"]
    command += ["--checks", ",".join(_CHECKS), *arguments]
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "tests.e2e.fuzz_hooks",
        "FUZZ_REPORT": str(seen),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    report = done.stdout + done.stderr
    cases = re.search(r"(\d+) generated", report)
    seconds = re.search(r" in ([0-9.]+)s =", report)
    assert cases, report
    assert seconds, report
    return Findings(done.returncode == 0, int(cases[1]), float(seconds[1]), json.loads(seen.read_text()), report)
