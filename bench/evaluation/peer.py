"""promptfoo, offline: installed into a folder of its own, on the same cases and assertions."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.evaluation.spending import Spent, spent_by
from bench.evaluation.workload import Workload
from eval.datasets import Case

__all__ = ["NODE", "PROMPTFOO", "Peer", "install", "installed", "versions"]

PROMPTFOO = "0.123.1"
NODE = "22.23.3"
"""What is installed. promptfoo wants Node.js 22.22 or newer; npm has it as a package too."""
_OLDEST_NODE = (22, 22)
_INSTALL_S = 600
_PROVIDER = Path(__file__).with_name("instant_provider.cjs")
_OFFLINE = {
    "PROMPTFOO_DISABLE_TELEMETRY": "1",
    "PROMPTFOO_DISABLE_UPDATE": "1",
    "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
    "PROMPTFOO_DISABLE_SHARING": "1",
    "PROMPTFOO_CACHE_ENABLED": "false",
    "PROMPTFOO_DISABLE_DEBUG_LOG": "1",
    "PROMPTFOO_DISABLE_ERROR_LOG": "1",
    "NODE_NO_WARNINGS": "1",
}
_TOLD = re.compile(r"([\d,]+) (passed|failed|errors) \(")
_PROMPT = {"summarize": "Summarize the document.\n\n{{text}}", "classify": "Choose a label: {{labels}}\n\n{{text}}"}


def install(folder: Path) -> None:
    """No install script is run: promptfoo's database comes compiled. What npm says goes to standard error.

    Raises SubprocessError where it fails or takes too long, FileNotFoundError where there is no npm.
    """
    folder.mkdir(parents=True, exist_ok=True)
    packages = [f"promptfoo@{PROMPTFOO}"]
    if not _is_new_enough(shutil.which("node")):
        machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
        packages.append(f"node-{platform.system().lower()}-{machine}@{NODE}")
    quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--ignore-scripts"]
    command = ["npm", "install", *quiet, "--prefix", str(folder), *packages]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr, timeout=_INSTALL_S)


def installed(folder: Path) -> tuple[Path, Path] | None:
    """Node.js and promptfoo's script there; None where one of them is missing."""
    script = folder / "node_modules" / "promptfoo" / "dist" / "src" / "entrypoint.js"
    candidates = [str(path) for path in folder.glob("node_modules/node-*/bin/node")] + [shutil.which("node")]
    node = next((Path(found) for found in candidates if found and _is_new_enough(found)), None)
    return (node, script) if node and script.is_file() else None


def _is_new_enough(node: str | None) -> bool:
    """False, too, where it can't tell its version."""
    if node is None:
        return False
    try:
        return tuple(map(int, _node_version(Path(node)).split(".")[:2])) >= _OLDEST_NODE
    except (OSError, subprocess.SubprocessError, ValueError):
        return False


def versions(programs: tuple[Path, Path]) -> str:
    """What is installed, in words. Raises SubprocessError, OSError."""
    node, script = programs
    package = json.loads((script.parents[2] / "package.json").read_text(encoding="utf-8"))
    return f"promptfoo {package['version']} on Node.js {_node_version(node)}"


def _node_version(node: Path) -> str:
    """Raises SubprocessError, OSError."""
    said = subprocess.run([str(node), "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    return said.strip().removeprefix("v")


class Peer:
    """One workload for promptfoo, in a folder of its own. `more` are further options of `promptfoo eval`; without any
    it keeps the results in its database."""

    def __init__(self, programs: tuple[Path, Path], folder: Path, work: Workload, more: Sequence[str] = ()) -> None:
        self._programs = programs
        self._folder = folder
        self._work = work
        self._more = more
        folder.mkdir(parents=True)
        answers = {case.id: work.answer(case) for case in work.cases}
        configuration = {
            "prompts": [_PROMPT[work.task]],
            "providers": ["file://instant_provider.cjs"],
            "tests": "file://tests.json",
        }
        shutil.copy(_PROVIDER, folder)
        self._write("answers.json", answers)
        self._write("tests.json", [_test(case) for case in work.cases])
        self._write("promptfooconfig.json", configuration)

    def _write(self, name: str, value: Any) -> None:
        (self._folder / name).write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")

    def run(self) -> Spent:
        """Raises RuntimeError where it failed, or didn't find what is wrong."""
        home = self._folder / "home"
        shutil.rmtree(home, ignore_errors=True)
        node, script = self._programs
        options = ["--no-cache", "--no-table", "--no-progress-bar", "--no-share", *self._more]
        command = [str(node), str(script), "eval", "--config", "promptfooconfig.json", *options]
        path = f"{node.parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**_OFFLINE, "PATH": path, "PROMPTFOO_CONFIG_DIR": str(home)}
        spent = spent_by(command, self._folder, environment)
        found = _told(spent.said)
        expected = {"passed": len(self._work.cases) - self._work.wrong, "failed": self._work.wrong, "errors": 0}
        if found != expected:
            raise RuntimeError(f"promptfoo found {found} and not {expected}:\n{spent.said[-2000:]}")
        return spent


def _told(said: str) -> dict[str, int]:
    """What its last lines count: `1,800 passed (90%)`."""
    return {word: int(count.replace(",", "")) for count, word in _TOLD.findall(said)}


def _test(case: Case) -> dict[str, Any]:
    values: dict[str, Any] = {"name": case.id, "text": case.input.text}
    if case.task == "classify":
        values["labels"] = ", ".join(label["name"] for label in case.input.params["labels"])
    return {"vars": values, "assert": list(_assertions(case))}


def _assertions(case: Case) -> list[dict[str, Any]]:
    """As Copydesk's metrics of the workload: ROUGE-1, the length, the facts; or a label."""
    if case.task == "classify":
        return [{"type": "is-json"}, {"type": "equals", "value": {"label": case.expected["labels"][0]}}]
    found: list[dict[str, Any]] = [{"type": "rouge-n", "value": case.expected["references"][0], "threshold": 0}]
    if most := case.input.params.get("max_words"):
        found.append({"type": "word-count", "value": {"max": most}})
    if facts := case.expected.get("facts"):
        found.append({"type": "icontains-all", "value": facts})
    return found
