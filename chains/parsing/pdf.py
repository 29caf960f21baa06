"""PDF through langchain-community's PyPDFParser. What is drawn or scanned has no text, and no page is left out."""

import logging
import re
import secrets
import warnings
from io import BytesIO

from langchain_core.documents.base import Blob
from pypdf import PasswordType, PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError, PyPdfError
from pypdf.generic import DictionaryObject

from chains.parsing.cleaning import clean, without_ligatures, without_line_hyphens
from chains.parsing.plain import too_many_characters
from chains.parsing.signatures import check_signature
from chains.parsing.wire import Limits, Refusal, RefusalKind, Words

with warnings.catch_warnings():
    # It says at import that it is no longer developed: docs/adr/0012-documents.md.
    warnings.simplefilter("ignore", DeprecationWarning)
    from langchain_community.document_loaders.parsers.pdf import PyPDFParser

__all__ = ["pdf_text"]

_UNPACKING = logging.getLogger("pypdf.filters")
_BETWEEN_PAGES = "\n\n"
_BLANK_LINES = re.compile(r"\n{3,}")
_UNKNOWN = "\ufffd"
_BROKEN = "The PDF is broken: {reason}. Open it, save it anew, and send that."


def pdf_text(data: bytes, limits: Limits) -> Words:
    """The text of all pages, with an empty line between two. Raises Refusal."""
    check_signature(data, "PDF")
    losses = _Losses()
    try:
        pages = _checked_pages(data, limits)
        with losses:
            texts = _page_texts(data)
    except (FileNotDecryptedError, DependencyError) as error:
        message = "The PDF is encrypted. Send it without a password and without encryption."
        raise Refusal(RefusalKind.ENCRYPTED, message) from error
    except LimitReachedError as error:
        message = "The PDF unpacks to far more than a document holds. Print it to a new PDF, and send that."
        raise Refusal(RefusalKind.TOO_COSTLY, message) from error
    except PyPdfError as error:
        raise Refusal(RefusalKind.INVALID, _BROKEN.format(reason=f"{error}"[:200].rstrip("."))) from error
    if losses.happened:
        raise Refusal(RefusalKind.INVALID, _BROKEN.format(reason="a part of its text can't be unpacked"))
    if len(texts) != pages:
        raise Refusal(RefusalKind.INVALID, _BROKEN.format(reason="its pages can't be counted"))
    return _words(texts, limits)


def _checked_pages(data: bytes, limits: Limits) -> int:
    """How many pages the PDF has. Raises Refusal before any of them is read."""
    reader = PdfReader(BytesIO(data))
    # Many a PDF is encrypted for its restrictions only, and opens for everybody.
    if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
        raise FileNotDecryptedError
    pages = len(reader.pages)
    tree = reader.root_object.get("/Pages", DictionaryObject()).get_object()
    declared = tree.get("/Count") if isinstance(tree, DictionaryObject) else None
    if isinstance(declared, int) and declared > pages:
        reason = f"it says that it has {declared} pages, and {pages} can be found"
        raise Refusal(RefusalKind.INVALID, _BROKEN.format(reason=reason))
    if not pages:
        raise Refusal(RefusalKind.EMPTY, "The PDF has no pages. Send one with some text.")
    if pages > limits.max_pages:
        message = f"The PDF has {pages} pages; this service takes {limits.max_pages}. Send it in parts."
        raise Refusal(RefusalKind.TOO_LARGE, message)
    return pages


class _Losses(logging.Handler):
    """Notes inside its block whether a stream could not be unpacked to its end, of which pypdf tells its log only."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.happened = False

    def __enter__(self) -> None:
        _UNPACKING.addHandler(self)

    def __exit__(self, *_: object) -> None:
        _UNPACKING.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.happened = self.happened or "decompressing" in record.getMessage()


def _page_texts(data: bytes) -> list[str]:
    # Page by page, PyPDFParser would make the labels of all pages anew for each of them.
    mark = secrets.token_hex(16)
    parser = PyPDFParser(mode="single", pages_delimiter=mark)
    (document,) = parser.lazy_parse(Blob.from_data(data, mime_type="application/pdf"))
    return document.page_content.split(mark)


def _text(page: str) -> str:
    """A page's text; empty where its font doesn't say what any of the characters is."""
    text = without_ligatures(clean(page)).strip()
    return text if text.replace(_UNKNOWN, "").strip() else ""


def _words(texts: list[str], limits: Limits) -> Words:
    cleaned = [_text(text) for text in texts]
    empty = sum(not text for text in cleaned)
    if empty == len(cleaned):
        message = f"No page of the PDF ({empty}) has a text layer: it is scanned or drawn. Send it after OCR."
        raise Refusal(RefusalKind.EMPTY, message)
    text = without_line_hyphens(_BETWEEN_PAGES.join(text for text in cleaned if text))
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    text = _BLANK_LINES.sub("\n\n", text)
    if len(text) > limits.max_characters:
        raise Refusal(RefusalKind.TOO_LARGE, too_many_characters(limits))
    return Words(text, len(cleaned), empty)
