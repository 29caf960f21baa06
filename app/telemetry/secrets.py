"""What must never be read in a log: the values that the configuration and the environment keep secret."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.settings import Settings

__all__ = ["HIDDEN", "Secrets", "secrets_of"]

HIDDEN = "***"

_SHORTEST = 6
_LARGEST_FILE = 64 << 10
_SECRET_NAME = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|HEADERS)$")
_SHAPES = {  # by what a text must contain to be worth a look
    "://": re.compile(r"(?<=://)[^\s/@\"']{1,256}(?=@)"),
    "cdk_": re.compile(r"\bcdk_[A-Za-z0-9]+_[A-Za-z0-9_-]{16,}"),
    "earer ": re.compile(r"(?<=earer )[A-Za-z0-9._~+/=-]{6,}"),
    "asic ": re.compile(r"(?<=asic )[A-Za-z0-9+/]{8,}={0,2}"),
}


class Secrets:
    """Hides such values, passwords in URLs, API keys of Copydesk and values of Authorization headers."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._known = sorted({value for value in values if len(value) >= _SHORTEST}, key=len, reverse=True)
        self._signs = [*_SHAPES, *(json.dumps(value)[1:-1] for value in self._known)]

    def may_be_in(self, encoded: str) -> bool:
        """Whether a JSON text in ASCII needs a closer look; where not, `hide` finds nothing in any of its strings."""
        return any(sign in encoded for sign in self._signs)

    def hide(self, text: str) -> str:
        for value in self._known:
            if value in text:
                text = text.replace(value, HIDDEN)
        for sign, shape in _SHAPES.items():
            if sign in text:
                text = shape.sub(HIDDEN, text)
        return text


def secrets_of(settings: "Settings") -> Secrets:
    """Those of the settings' variables (`..._env`) and files (`..._file`), and of every variable that is named like a
    secret. A value of fewer than six characters can't be told from any other word."""
    named = {name: value for name, value in os.environ.items() if _SECRET_NAME.search(name.upper())}
    return Secrets([*_values(settings.model_dump()), *named.values()])


def _values(section: Mapping[str, Any]) -> Iterator[str]:
    for name, value in section.items():
        if isinstance(value, Mapping):
            yield from _values(value)
        elif isinstance(value, str) and name.endswith("_env"):
            yield os.environ.get(value, "")
        elif isinstance(value, Path) and name.endswith(("password_file", "key_file")):
            yield _content(value)


def _content(path: Path) -> str:
    """Whoever needs the file says what is wrong with it."""
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(_LARGEST_FILE).strip()
    except (OSError, UnicodeDecodeError):
        return ""
