"""Files that are told by their first bytes from what they are declared as."""

from chains.parsing.wire import Refusal, RefusalKind

__all__ = ["check_signature"]

_PDF = b"%PDF-"
# Readers of PDF look so far for its signature.
_PDF_WITHIN = 1024
_SIGNATURES = (
    (_PDF, "a PDF file"),
    (b"PK\x03\x04", "a ZIP file, as Word and Excel write them"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a file of an old Office program"),
    (b"{\\rtf", "an RTF file"),
    (b"\x89PNG\r\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"II*\x00", "a TIFF picture"),
    (b"MM\x00*", "a TIFF picture"),
    (b"\x1f\x8b\x08", "a gzip file"),
)


def check_signature(data: bytes, declared: str) -> None:
    """Raises Refusal where the bytes are those of another kind of file than `declared` (PDF, HTML or text)."""
    if declared == "PDF" and _PDF in data[:_PDF_WITHIN]:
        return
    found = next((name for signature, name in _SIGNATURES if data.startswith(signature)), None)
    if found is not None:
        remedy = "Send its media_type." if data.startswith(_PDF) else "Convert it to PDF, HTML or plain text."
        raise Refusal(RefusalKind.INVALID, f"The document is {found}, not {declared}. {remedy}")
    if declared == "PDF":
        message = "The document is no PDF: it doesn't begin with %PDF-. Send its media_type, or a PDF file."
        raise Refusal(RefusalKind.INVALID, message)
