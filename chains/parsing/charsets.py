"""From bytes to characters. Nothing is guessed: a byte order mark or a declaration says which, else it is UTF-8."""

import codecs
import re

from chains.parsing.wire import Refusal, RefusalKind

__all__ = ["declared_charset", "decoded", "marked_charset"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LOOKED_AT = 1024
_DECLARATION = re.compile(
    rb"""<(?:meta\b[^<>]{0,200}?\bcharset|\?xml\b[^<>]{0,100}?\bencoding)\s{0,9}=\s{0,9}["']?\s{0,9}([\w.:-]{1,40})""",
    re.IGNORECASE,
)
# Names that mean more in HTML than they say (https://encoding.spec.whatwg.org/#names-and-labels).
_WIDER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "utf-16": "utf-8",
    "utf-16-le": "utf-8",
    "utf-16-be": "utf-8",
}
_LABELS = {"x-sjis": "cp932", "x-gbk": "gb18030", "ks_c_5601-1987": "cp949", "windows-31j": "cp932"}
_TAKEN = re.compile(
    r"utf-8|gb18030|cp932|cp949|big5hkscs|euc_jp|iso2022_jp|hz|koi8-[ru]|cp125[0-8]|cp874|cp866|iso8859-\d+|mac-.*"
)


def marked_charset(data: bytes) -> tuple[str, int] | None:
    """The charset that a byte order mark names, and the length of the mark."""
    return next(((name, len(mark)) for mark, name in _MARKS if data.startswith(mark)), None)


def declared_charset(data: bytes) -> str | None:
    """The charset that HTML declares in its first 1,024 bytes, as Python's codec of it.

    Raises Refusal where it is one that isn't taken.
    """
    found = _DECLARATION.search(data[:_LOOKED_AT])
    if found is None:
        return None
    label = found[1].decode("ascii", "replace").lower()
    try:
        name = codecs.lookup(_LABELS.get(label, label)).name
    except LookupError:
        name = ""
    name = _WIDER.get(name, name)
    if not _TAKEN.fullmatch(name):
        message = f"The HTML declares the charset {label!r}, which is not known here. Convert the document to UTF-8."
        raise Refusal(RefusalKind.INVALID, message)
    return name


def decoded(data: bytes, charset: str, said_by: str) -> str:
    """The characters. `said_by` tells the sender whence the charset is known. Raises Refusal for other bytes."""
    try:
        return data.decode(charset)
    except UnicodeDecodeError as error:
        message = f"The document is not {charset}, {said_by}: the byte at {error.start} begins no character of it. "
        raise Refusal(RefusalKind.INVALID, message + "Convert the document to UTF-8.") from error
