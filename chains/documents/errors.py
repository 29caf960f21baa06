"""The branches of the exception tree (chains/errors.py) for documents.

InvalidInput
└── DocumentRefused               a document cannot be read: abstract
    ├── DocumentInvalid           not Base64, broken, of another media type, of another charset
    ├── DocumentEncrypted         it opens only with a password
    ├── DocumentEmpty             it has no text: scanned, drawn, or empty
    ├── DocumentTooLarge          more bytes, pages or characters than are taken
    └── DocumentTooCostly         reading it takes too much time or memory
CopydeskError
├── DocumentsUnavailable          the parsers are not installed
└── DocumentsBusy                 no parser has room, or they broke down
"""

from collections.abc import Mapping

from chains.errors import CopydeskError, FieldError, InvalidInput
from chains.parsing.wire import Refusal, RefusalKind

__all__ = [
    "DocumentEmpty",
    "DocumentEncrypted",
    "DocumentInvalid",
    "DocumentRefused",
    "DocumentTooCostly",
    "DocumentTooLarge",
    "DocumentsBusy",
    "DocumentsUnavailable",
    "refused",
]

DATA = "/document/data_base64"


class DocumentRefused(InvalidInput):
    """A request's document cannot be read. Its one FieldError names the place."""

    code = "document_invalid"

    def __init__(self, message: str) -> None:
        super().__init__(message, [FieldError(DATA, self.code, message)])


class DocumentInvalid(DocumentRefused):
    code = "document_invalid"


class DocumentEncrypted(DocumentRefused):
    code = "document_encrypted"


class DocumentEmpty(DocumentRefused):
    code = "document_without_text"


class DocumentTooLarge(DocumentRefused):
    code = "document_too_large"


class DocumentTooCostly(DocumentRefused):
    code = "document_too_costly"


class DocumentsUnavailable(CopydeskError):
    """`package` is the one that is absent."""

    code = "documents_unavailable"

    def __init__(self, package: str) -> None:
        super().__init__(
            f"This service can't read PDF and HTML: the package {package} is not installed. The operator has to run "
            "pip install 'copydesk[documents]' and start the service again. Plain text and Markdown it can read."
        )


class DocumentsBusy(CopydeskError):
    """`retry_after_s` says in how many seconds another try has a chance, where somebody knows."""

    code = "documents_busy"
    retryable = True

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"{message} Send the request again.")
        self.retry_after_s = retry_after_s


_ERROR_OF: Mapping[str, type[DocumentRefused]] = {
    RefusalKind.INVALID: DocumentInvalid,
    RefusalKind.ENCRYPTED: DocumentEncrypted,
    RefusalKind.EMPTY: DocumentEmpty,
    RefusalKind.TOO_LARGE: DocumentTooLarge,
    RefusalKind.TOO_COSTLY: DocumentTooCostly,
}


def refused(refusal: Refusal) -> DocumentRefused:
    """A parser's refusal as an error of the tree."""
    return _ERROR_OF[refusal.kind](refusal.message)
