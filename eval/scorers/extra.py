"""The libraries of the extra `eval`: loaded when a scorer is used, never on import."""

import importlib
from typing import Any

from chains.errors import ConfigurationError

__all__ = ["library"]


def library(module: str) -> Any:
    """A module of the extra. Raises ConfigurationError, which says how to install it, where it is absent."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        raise ConfigurationError(
            f"This scorer needs the package {package}, which isn't installed ({error}). It comes with the extra "
            "`eval`: pip install 'copydesk[eval]'; `make` targets that evaluate install it by themselves."
        ) from error
