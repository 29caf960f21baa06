"""Environments of the peers' own under `.bench`, in the checkout: what is there is used again.

They are made with uv, which is itself installed there by pip: quicker by far, and nothing else on the machine changes.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.side_by_side.subjects.subject import MissingSubject

__all__ = ["ROOT", "NodeEnvironment", "PythonEnvironment", "Uv"]

ROOT = Path(__file__).parents[3]
_FOLDER = ROOT / ".bench"
_LIMIT_S = 600


class PythonEnvironment:
    """A virtual environment with some packages, pinned as `name==version`; the first names the version of it all."""

    def __init__(self, name: str, packages: Sequence[str]) -> None:
        self.folder = _FOLDER / name
        self._packages = packages

    def program(self, name: str) -> str:
        return str(self.folder / "venv" / "bin" / name)

    def path(self) -> str:
        """PATH of a program that starts others of its environment by name."""
        return f"{self.folder / 'venv' / 'bin'}:{os.environ.get('PATH', '')}"

    def installed(self) -> str | None:
        return _version(self.folder, self._packages)

    def install(self) -> None:
        """Raises MissingSubject."""
        uv = _UV.program()
        shutil.rmtree(self.folder, ignore_errors=True)
        _run([uv, "venv", "--quiet", "--python", sys.executable, str(self.folder / "venv")])
        _run([uv, "pip", "install", "--quiet", "--native-tls", "--python", self.program("python"), *self._packages])
        _remember(self.folder, self._packages)


class NodeEnvironment:
    """A folder of node_modules with a package, `name@version`, and pins of what it needs itself.

    No install script is run.
    """

    def __init__(self, name: str, package: str, pins: Mapping[str, str]) -> None:
        self.folder = _FOLDER / name
        self._package = package
        self._pins = pins

    def installed(self) -> str | None:
        return _version(self.folder, self._wanted())

    def install(self) -> None:
        """Raises MissingSubject."""
        npm = shutil.which("npm")
        if npm is None or shutil.which("node") is None:
            raise MissingSubject("it needs node and npm; on Debian: apt-get install nodejs npm")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        name, _, version = self._package.rpartition("@")
        wanted = {"private": True, "dependencies": {name: version}, "overrides": dict(self._pins)}
        (self.folder / "package.json").write_text(json.dumps(wanted))
        quiet = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
        _run([npm, "install", *quiet, "--prefix", str(self.folder)])
        _remember(self.folder, self._wanted())

    def _wanted(self) -> list[str]:
        return [self._package, *(f"{name}@{version}" for name, version in self._pins.items())]


class Uv:
    """uv in a folder, installed by whoever needs it first. Where that fails, it has failed for all who need it: without
    a network each try takes minutes."""

    def __init__(self, folder: Path, python: str = sys.executable) -> None:
        self._folder = folder
        self._python = python
        self._failure: str | None = None
        self._one = threading.Lock()  # several are installed at once

    def program(self) -> str:
        """Its path. Raises MissingSubject."""
        program = self._folder / "bin" / "uv"
        with self._one:
            if self._failure is not None:
                raise MissingSubject(self._failure)
            if not program.is_file():
                self._install()
        return str(program)

    def _install(self) -> None:
        try:
            _run([self._python, "-m", "venv", str(self._folder)])
            _run([str(self._folder / "bin" / "pip"), "install", "--quiet", "uv"])
        except MissingSubject as error:
            self._failure = str(error)
            raise


def _version(folder: Path, packages: Sequence[str]) -> str | None:
    """As pinned, if that is what was installed."""
    kept = folder / "installed.json"
    try:
        if json.loads(kept.read_text(encoding="utf-8")) != list(packages):
            return None
    except (OSError, ValueError):  # not there, or half of it
        return None
    return packages[0].rpartition("==")[2].rpartition("@")[2]


def _remember(folder: Path, packages: Sequence[str]) -> None:
    """In one step, so that a run that is ended leaves no half of it."""
    new = folder / "installed.json.new"
    new.write_text(json.dumps(list(packages)), encoding="utf-8")
    new.replace(folder / "installed.json")


def _run(command: Sequence[str]) -> None:
    """Raises MissingSubject with the last line that the command wrote."""
    what = " ".join([Path(command[0]).name, *command[1:3]])
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise MissingSubject(f"`{what} ...` takes more than {_LIMIT_S} s") from error
    except OSError as error:
        raise MissingSubject(f"`{what} ...` can't be started: {error.strerror}") from error
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip() or "it wrote nothing").splitlines()[-1]
        raise MissingSubject(f"`{what} ...` ended with {done.returncode}: {words[:300]}")


_UV = Uv(_FOLDER / "uv")
