"""Addresses of model servers and the keys for them, checked before anything is sent."""

import os
from urllib.parse import urlsplit

from pydantic import SecretStr

from chains.errors import ConfigurationError

__all__ = ["checked_base_url", "key_from"]


def checked_base_url(value: str) -> str:
    """The address without slashes at its end. Raises ValueError, with a sentence that says what to write and shows
    nothing of an address that may hold a password."""
    if not value.isprintable() or any(character.isspace() for character in value):
        raise ValueError("must hold no white space or control characters")
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("must be an address such as http://gpu-host:8000, with http or https and a host")
    if "@" in parts.netloc:
        raise ValueError("must hold no user and no password; put the key into a variable and name it in api_key_env")
    if "?" in value or "#" in value:
        raise ValueError("must end with the host, the port or a path, without ? or #")
    if parts.netloc.endswith(":") or not _has_a_possible_port(value):
        raise ValueError("must name a port from 1 to 65535 after the colon, or have no colon behind the host")
    return value.rstrip("/")


def _has_a_possible_port(value: str) -> bool:
    try:
        return urlsplit(value).port != 0
    except ValueError:
        return False


def key_from(variable: str, *, place: str = "api_key_env") -> SecretStr:
    """The key in the environment variable, without white space around it. `place` is the key of the configuration
    that names the variable. Raises ConfigurationError where there is none, or none that a header can carry."""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ConfigurationError(
            f"{place}: the environment variable {variable} is not set or empty; set it to the key, "
            "or leave api_key_env out"
        )
    if not key.isascii() or not key.isprintable():
        raise ConfigurationError(
            f"{place}: the environment variable {variable} holds no key: it has control characters or characters "
            "outside ASCII, which no HTTP header can carry; set it to the key alone"
        )
    return SecretStr(key)
