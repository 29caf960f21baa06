"""PDF files for tests, written by hand, so that each is wrong in the one way that is meant."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from pypdf import PdfWriter

__all__ = ["Content", "encrypted", "flate_bomb", "lines", "pdf", "slow_pdf"]


@dataclass(frozen=True)
class Content:
    """The content stream of a page. `filters` are the names of what it is packed by."""

    data: bytes
    filters: tuple[str, ...] = ()

    @property
    def head(self) -> bytes:
        names = " ".join(f"/{name}" for name in self.filters)
        return f"<< /Length {len(self.data)} /Filter [{names}] >>".encode()


def lines(*texts: str) -> Content:
    """A page with these lines, in Windows' Latin characters."""
    shown = b" ".join(b"(" + text.encode("cp1252") + b") Tj T*" for text in texts)
    return Content(b"BT /F1 12 Tf 72 720 Td 14 TL " + shown + b" ET")


def flate_bomb(size: int, layers: int = 1) -> Content:
    """A page that unpacks to so many bytes, packed so often."""
    data = b"BT (x) Tj ET" + b" " * size
    for _ in range(layers):
        data = zlib.compress(data, 9)
    return Content(data, ("FlateDecode",) * layers)


def pdf(pages: Sequence[Content]) -> bytes:
    """A PDF file of these pages with one font."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, content in enumerate(pages):
        resources = "/MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >>"
        objects.append(f"<< /Type /Page /Parent 2 0 R {resources} /Contents {5 + 2 * number} 0 R >>".encode())
        objects.append(content.head + b"\nstream\n" + content.data + b"\nendstream")
    return _file(objects)


def slow_pdf() -> bytes:
    """A small file whose one page keeps a parser busy for a minute."""
    shown = lines(*(["aaaa"] * 600_000)).data
    return pdf([Content(zlib.compress(shown, 9), ("FlateDecode",))])


def encrypted(file: bytes, password: str) -> bytes:
    """The file so that it opens with the password; with an empty one, for everybody."""
    writer = PdfWriter(clone_from=BytesIO(file))
    writer.encrypt(password, "owner", algorithm="RC4-128")
    target = BytesIO()
    writer.write(target)
    return target.getvalue()


def _file(objects: Sequence[bytes]) -> bytes:
    written = bytearray(b"%PDF-1.4\n")
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(written))
        written += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table
    written += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(written)
