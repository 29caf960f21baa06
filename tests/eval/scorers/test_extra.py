"""What a scorer says where its library is absent, and that none is loaded before it is used."""

import subprocess
import sys

import pytest

from chains.errors import ConfigurationError
from eval.scorers.extra import library


def test_an_absent_library_is_named_with_the_extra() -> None:
    with pytest.raises(ConfigurationError, match=r"needs the package absent_package, .*pip install 'copydesk\[eval\]'"):
        library("absent_package.metrics")


def test_no_library_is_loaded_on_import() -> None:
    code = """
import importlib, pkgutil, sys
import eval.scorers
for found in pkgutil.iter_modules(eval.scorers.__path__):
    importlib.import_module(f"eval.scorers.{found.name}")
print(*sorted({"sklearn", "nervaluate", "rouge_score", "sacrebleu", "numpy"} & set(sys.modules)))
"""
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == ""
