"""Writes docs/tasks.md: what each task does, with requests and the running service's own answers.

The requests and the words around them stand in docs/examples/tasks.yaml; `make examples` starts the service on the
included model, sends them, and writes down what comes back.
"""

import json
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

REQUESTS = Path("docs/examples/tasks.yaml")
_SERVING = re.compile(r"serving on (http://\S+)")
_WIDTH = 118


@contextmanager
def _service() -> Iterator[str]:
    """The address of a service on the included model, on a free port."""
    command = [sys.executable, "-m", "cli.main", "serve", "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            sys.stderr.write(line)
            if found := _SERVING.search(line):
                threading.Thread(target=process.stderr.read, daemon=True).start()
                _wait_until_ready(found[1])
                yield found[1]
                return
        raise SystemExit("the service did not start")
    finally:
        process.terminate()
        process.communicate()


def _wait_until_ready(address: str) -> None:
    for _ in range(600):
        with suppress(OSError), urllib.request.urlopen(f"{address}/readyz"):  # noqa: S310
            return
        time.sleep(0.1)
    raise SystemExit("the service is not ready")


def _asked(address: str, path: str, request: dict[str, Any]) -> dict[str, Any]:
    """The response, also that of a refusal, without what differs from call to call."""
    body = json.dumps(request).encode()
    call = urllib.request.Request(f"{address}{path}", body, {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(call, timeout=600) as response:  # noqa: S310
            answer: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as refusal:
        answer = json.load(refusal)
        answer.pop("request_id")
    answer.pop("meta", None)
    return answer


def _shown(value: Any, indent: str = "") -> str:
    """JSON, with whatever fits on a line on one line."""
    line = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(line) <= _WIDTH or not value or not isinstance(value, dict | list):
        return line
    inner = indent + "  "
    if isinstance(value, dict):
        parts = [f"{json.dumps(key, ensure_ascii=False)}: {_shown(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(inner + part for part in parts) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + _shown(item, inner) for item in value) + f"\n{indent}]"


def _page(address: str, sections: list[dict[str, Any]]) -> Iterator[str]:
    yield "# Tasks\n\n<!-- Written by `make examples` from docs/examples/tasks.yaml. -->\n"
    for section in sections:
        yield f"## {section['title']}\n\n{section['about'].strip()}\n"
        for example in section.get("examples", ()):
            path = example["path"]
            sys.stderr.write(f"{path}: {example['about'].splitlines()[0]}\n")
            answer = _asked(address, path, example["request"])
            yield f"{example['about'].strip()}\n\n`POST {path}`\n"
            yield f"```json\n{_shown(example['request'])}\n```\n"
            yield f"```json\n{_shown(answer)}\n```\n"


def main() -> None:
    sections = yaml.safe_load(REQUESTS.read_text(encoding="utf-8"))
    with _service() as address:
        sys.stdout.write("\n".join(_page(address, sections)))


if __name__ == "__main__":
    main()
