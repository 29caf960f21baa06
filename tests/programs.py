"""Programs of the system that tests need."""

import os
import shutil

import pytest

__all__ = ["program", "unavailable"]


def unavailable(what: str) -> None:
    """Skip the test because this machine lacks something; under CI=true that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must have {what}")
    pytest.skip(f"needs {what}")


def program(name: str, package: str) -> str:
    """The path of a program of the system, named with its Debian package where it is absent."""
    found = shutil.which(name)
    if found is None:
        unavailable(f"{name} (Debian package {package})")
    return found or ""
