"""Plain text and Markdown: taken as they are, or refused."""

import pytest

from chains.parsing.plain import plain_text
from chains.parsing.wire import Limits, Refusal, RefusalKind

LIMITS = Limits(max_pages=1, max_characters=40, memory_mib=1, cpu_s=1)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        pytest.param("Grüße 😀".encode(), "Grüße 😀", id="UTF-8"),
        pytest.param("\ufeffGrüße".encode(), "Grüße", id="UTF-8 with a mark"),
        pytest.param("Grüße 快".encode("utf-16"), "Grüße 快", id="UTF-16 with a mark"),
        pytest.param(b"\xfe\xff" + "快".encode("utf-16-be"), "快", id="UTF-16, big-endian"),
        pytest.param("快".encode("utf-32"), "快", id="UTF-32 with a mark"),
        pytest.param(b"# A *b*\r\n\r\n- [c](d)\t \r\n", "# A *b*\r\n\r\n- [c](d)\t \r\n", id="Markdown, CRLF"),
        pytest.param(b"page\fpage", "page\fpage", id="form feed"),
    ],
)
def test_a_text_is_not_altered(data: bytes, text: str) -> None:
    assert plain_text(data, LIMITS).text == text


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        pytest.param("Größe".encode("latin-1"), RefusalKind.INVALID, "not utf-8, .* the byte at 2", id="Latin-1"),
        pytest.param(b"\xff\xfea", RefusalKind.INVALID, "not utf-16-le, .* byte order mark", id="half a UTF-16"),
        pytest.param(b"a\0b", RefusalKind.INVALID, "its character at 1 is NUL", id="NUL"),
        pytest.param(b"%PDF-1.7 ", RefusalKind.INVALID, "a PDF file, not text. Send its media_type", id="PDF"),
        pytest.param(b"PK\x03\x04 ", RefusalKind.INVALID, "Word", id="Word"),
        pytest.param(b"\x89PNG\r\n\x1a\n", RefusalKind.INVALID, "PNG", id="PNG"),
        pytest.param(b" \n\t", RefusalKind.EMPTY, "only whitespace", id="whitespace"),
        pytest.param(b"", RefusalKind.EMPTY, "empty", id="nothing"),
        pytest.param(b"\xef\xbb\xbf", RefusalKind.EMPTY, "empty", id="a mark alone"),
        pytest.param(b"a" * 41, RefusalKind.TOO_LARGE, "more than 40 characters", id="too long"),
    ],
)
def test_what_is_no_such_text_is_refused(data: bytes, kind: str, said: str) -> None:
    with pytest.raises(Refusal, match=said) as caught:
        plain_text(data, LIMITS)
    assert caught.value.kind == kind
