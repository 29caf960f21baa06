"""What a key looks like: `cdk_<id>_<secret>`.

The id is public: logs, usage and jobs call the key by it. The secret is 43 random letters and digits (256 bits), so
that a fast hash protects it: nobody can try them all, as could be done with what people choose.
"""

import hashlib
import re
import secrets
import string
from dataclasses import dataclass, field

__all__ = ["EXAMPLE", "PresentedKey", "digest", "mint", "parse"]

EXAMPLE = "cdk_..."
"""How pages and errors write a key."""

_WHOLE = re.compile(r"cdk_([a-z0-9]{1,32})_([A-Za-z0-9_-]{32,128})")
_ID = string.ascii_lowercase + string.digits
_SECRET = string.ascii_letters + string.digits
_ID_LENGTH = 10
_SECRET_LENGTH = 43


@dataclass(frozen=True, slots=True)
class PresentedKey:
    """A whole key. Its secret is in no `repr`, so that no log has it by accident."""

    id: str
    secret: str = field(repr=False)

    def text(self) -> str:
        """As a caller sends it."""
        return f"cdk_{self.id}_{self.secret}"


def mint(key_id: str | None = None) -> PresentedKey:
    """A new key, or a new secret for the key of that id."""
    new_id = key_id or "".join(secrets.choice(_ID) for _ in range(_ID_LENGTH))
    return PresentedKey(new_id, "".join(secrets.choice(_SECRET) for _ in range(_SECRET_LENGTH)))


def parse(text: str) -> PresentedKey | None:
    """The key that a text is; None where it is none. Secrets that somebody else made are of 32 to 128 letters, digits,
    hyphens and underscores."""
    found = _WHOLE.fullmatch(text)
    return PresentedKey(found[1], found[2]) if found else None


def digest(secret: str) -> str:
    """What is stored of a secret: its SHA-256, as 64 hex digits."""
    return hashlib.sha256(secret.encode()).hexdigest()
