"""The key of `keys.first_key_file`, which is there from the start: a secret that compose or Kubernetes mounts."""

from pathlib import Path

from app.keys.record import KeyRecord
from app.keys.scopes import EVERY_SCOPE
from app.keys.secret import digest, parse
from chains.errors import ConfigurationError

__all__ = ["read_first_key"]

_LONGEST = 1024


def read_first_key(path: Path) -> KeyRecord:
    """The key in the file, with every scope and no limit. Raises ConfigurationError, which never quotes the file."""
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST).decode("ascii", errors="replace").strip()
    except OSError as error:
        raise ConfigurationError(f"keys.first_key_file: {path} cannot be read: {error.strerror}") from error
    key = parse(text)
    if key is None:
        raise ConfigurationError(
            f"keys.first_key_file: {path} holds no API key. Write one line, cdk_<id>_<secret>: an id of lower-case "
            "letters and digits, and a secret of 32 to 128 random letters and digits, such as "
            "`echo cdk_first_$(openssl rand -hex 32)` prints."
        )
    return KeyRecord(key.id, "the first key", digest(key.secret), EVERY_SCOPE, created_at=0)
