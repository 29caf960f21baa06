"""Base64 (RFC 4648, section 4), strictly and in pieces, so that a large document holds nobody else up."""

import binascii
import re

from chains.documents.errors import DocumentInvalid, DocumentTooLarge

__all__ = ["decoded"]

# A piece takes some 2 ms, after each of which other threads get their turn. A multiple of 4.
_PIECE = 1 << 20
_FOREIGN = re.compile(r"[^A-Za-z0-9+/]")


def decoded(data: str, max_bytes: int) -> bytes:
    """The bytes of a document. Raises DocumentInvalid, which says where the text isn't Base64, and DocumentTooLarge."""
    padding = len(data) - len(data.rstrip("=")) if data.endswith("=") else 0
    size = len(data) // 4 * 3 - padding
    if size > max_bytes:
        raise DocumentTooLarge(f"The document has {size} bytes; this service takes {max_bytes}. Send it in parts.")
    foreign = _FOREIGN.search(data, 0, len(data) - min(padding, 2))
    if foreign is not None:
        raise DocumentInvalid(_foreign(foreign[0], foreign.start()))
    if len(data) % 4:
        raise DocumentInvalid(
            f"The document is not Base64: {len(data)} characters are no multiple of 4. Send it whole, with its padding."
        )
    try:
        pieces = (data[start : start + _PIECE] for start in range(0, len(data), _PIECE))
        return b"".join(binascii.a2b_base64(piece, strict_mode=True) for piece in pieces)
    except binascii.Error as error:
        raise DocumentInvalid(f"The document is not Base64: {error}. Encode it anew.") from error


def _foreign(character: str, at: int) -> str:
    remedy = "Encode it as in RFC 4648, section 4 (Java: Base64.getEncoder())."
    if character in "-_":
        remedy = "Use the standard alphabet with + and / (Java: Base64.getEncoder(), not getUrlEncoder())."
    elif character in "\r\n":
        remedy = "Encode it without line breaks (Java: Base64.getEncoder(), not getMimeEncoder())."
    elif character in ":;,":
        remedy = "Send the data alone, without the beginning of a data URL."
    return f"The document is not Base64: the character at {at} is {character[:1]!a}. {remedy}"
