"""What passes between the service, the fork server and its children; and the words in which a child refuses.

A frame is two lengths (of the head, of the body; 4 bytes each, big-endian), the head in JSON, and the body. The
service sends one with the head {"media_type"} and the document. The child answers one: {"pages", "empty_pages"} with
the text in UTF-8, or {"refusal", "message"}. The fork server appends {"ended": how} when the child is gone; `how` is
what `Popen.returncode` would be.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["LARGEST_DOCUMENT_BYTES", "LENGTHS", "OUT_OF_MEMORY", "Limits", "Refusal", "RefusalKind", "Words", "frame"]

LARGEST_DOCUMENT_BYTES = 10 << 20
"""No document has more bytes. The service's default for a request body leaves room for one in Base64."""

LENGTHS = struct.Struct(">II")


def frame(head: Mapping[str, Any], body: bytes = b"") -> bytes:
    """One frame."""
    packed = json.dumps(head).encode()
    return LENGTHS.pack(len(packed), len(body)) + packed + body


OUT_OF_MEMORY = 12
"""How a child ends that has no memory left for an answer."""


class RefusalKind:
    """Why a document is refused: the values of `refusal`."""

    INVALID = "invalid"
    ENCRYPTED = "encrypted"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    TOO_COSTLY = "too_costly"


class Refusal(Exception):
    """A document cannot be read. `kind` is one of RefusalKind, the message a sentence or two for its sender."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may cost: pages, characters of text, MiB of memory, seconds of CPU time."""

    max_pages: int
    max_characters: int
    memory_mib: int
    cpu_s: int


@dataclass(frozen=True, slots=True)
class Words:
    """A document's text. `pages` and `empty_pages` (those without text) are 0 where it has none."""

    text: str
    pages: int = 0
    empty_pages: int = 0
