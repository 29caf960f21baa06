"""How much is installed: files of packages, without the bytecode that Python writes beside them."""

import tomllib
from collections.abc import Collection, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["needed", "packages_mib", "project_requirements", "tree_mib"]

_MIB = 2**20


def tree_mib(folder: Path) -> float:
    """All files below the folder; links count as links."""
    return sum(path.lstat().st_size for path in _files(folder.rglob("*"))) / _MIB


def packages_mib(names: Iterable[str]) -> float:
    """These packages of this environment, as they were installed. Raises PackageNotFoundError."""
    parts = (Path(str(found.locate_file(file))) for found in map(distribution, names) for file in found.files or [])
    return sum(path.lstat().st_size for path in _files(parts)) / _MIB


def project_requirements(root: Path, extra: str | None = None) -> list[str]:
    """What the pyproject.toml of a checkout asks for, or what an extra of it asks for beside that."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["optional-dependencies"][extra] if extra else project["dependencies"])


def needed(requirements: Iterable[str]) -> frozenset[str]:
    """The packages of this environment that these requirements name, and all that those need on this machine.

    What isn't installed is left out.
    """
    found: dict[str, set[str]] = {}
    waiting = [Requirement(each) for each in requirements]
    while waiting:
        each = waiting.pop()
        name = canonicalize_name(each.name)
        if not _is_in_force(each, ()) or (name in found and each.extras <= found[name]):
            continue
        try:
            more = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        extras = found.setdefault(name, set())
        extras |= each.extras
        waiting += [_as_asked(one) for one in map(Requirement, more) if _is_in_force(one, extras)]
    return frozenset(found)


def _is_in_force(requirement: Requirement, extras: Collection[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))


def _as_asked(requirement: Requirement) -> Requirement:
    """Without its marker, which held."""
    requirement.marker = None
    return requirement


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    return (path for path in paths if path.suffix != ".pyc" and (path.is_symlink() or path.is_file()))
