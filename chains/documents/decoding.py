"""Base64 (RFC 4648, section 4), strictly and in pieces, so that a large document holds nobody else up."""

import binascii
import re

from chains.documents.errors import DocumentInvalid, DocumentTooLarge

__all__ = ["decoded"]

# A piece takes less than a millisecond, and other threads get their turn after it. A multiple of 4.
_PIECE = 1 << 18
_FOREIGN = re.compile(r"[^A-Za-z0-9+/]")


def decoded(data: str, max_bytes: int) -> bytes:
    """The bytes of a document. Raises DocumentInvalid, which says where the text isn't Base64, and DocumentTooLarge."""
    padding = 2 if data.endswith("==") else 1 if data.endswith("=") else 0
    size = len(data) // 4 * 3 - padding
    if size > max_bytes:
        raise DocumentTooLarge(f"The document has {size} bytes; this service takes {max_bytes}. Send it in parts.")
    pieces = []
    for start in range(0, len(data), _PIECE):
        piece = data[start : start + _PIECE]
        is_last = start + _PIECE >= len(data)
        try:
            if not is_last and "=" in piece:
                raise binascii.Error("padding before the end")
            pieces.append(binascii.a2b_base64(piece, strict_mode=True))
        except (binascii.Error, ValueError) as error:
            raise _not_base64(data, piece, start, padding if is_last else 0, error) from error
    return b"".join(pieces)


def _not_base64(data: str, piece: str, start: int, padding: int, error: ValueError) -> DocumentInvalid:
    foreign = _FOREIGN.search(piece, 0, len(piece) - padding)
    if foreign is not None:
        return DocumentInvalid(_foreign(foreign[0], start + foreign.start()))
    if len(data) % 4:
        return DocumentInvalid(
            f"The document is not Base64: {len(data)} characters are no multiple of 4. Send it whole, with its padding."
        )
    return DocumentInvalid(f"The document is not Base64: {error}. Encode it anew.")


def _foreign(character: str, at: int) -> str:
    remedy = "Encode it as in RFC 4648, section 4 (Java: Base64.getEncoder())."
    if character in "-_":
        remedy = "Use the standard alphabet with + and / (Java: Base64.getEncoder(), not getUrlEncoder())."
    elif character in "\r\n":
        remedy = "Encode it without line breaks (Java: Base64.getEncoder(), not getMimeEncoder())."
    elif character in ":;,":
        remedy = "Send the data alone, without the beginning of a data URL."
    return f"The document is not Base64: the character at {at} is {character[:1]!a}. {remedy}"
