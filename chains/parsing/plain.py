"""Plain text and Markdown: the text is the document, so that offsets refer to the file that its sender holds."""

from chains.parsing.charsets import decoded, marked_charset
from chains.parsing.signatures import check_signature
from chains.parsing.wire import Limits, Refusal, RefusalKind, Words

__all__ = ["plain_text", "too_many_characters"]


def plain_text(data: bytes, limits: Limits) -> Words:
    """The document's characters as they are, without a byte order mark. Raises Refusal."""
    check_signature(data, "text")
    marked = marked_charset(data)
    if marked is None:
        text = decoded(data, "utf-8", "which is taken where no byte order mark says otherwise")
    else:
        charset, length = marked
        text = decoded(data[length:], charset, "which its byte order mark names")
    at = text.find("\0")
    if at >= 0:
        message = f"The document is no text: its character at {at} is NUL. Convert it to UTF-8."
        raise Refusal(RefusalKind.INVALID, message)
    if len(text) > limits.max_characters:
        raise Refusal(RefusalKind.TOO_LARGE, too_many_characters(limits))
    if not text.strip():
        raise Refusal(RefusalKind.EMPTY, "The document is empty or holds only whitespace. Send one with some text.")
    return Words(text)


def too_many_characters(limits: Limits) -> str:
    """What is said of a text that is too long."""
    return f"The document's text has more than {limits.max_characters} characters. Send it in parts."
