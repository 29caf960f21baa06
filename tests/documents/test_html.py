"""HTML: what a reader sees, in the charset that the document says."""

import pytest

from chains.parsing.html import html_text
from chains.parsing.wire import Limits, Refusal, RefusalKind

LIMITS = Limits(max_pages=1, max_characters=1000, memory_mib=1, cpu_s=1)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        pytest.param("<p>foo<b>bar</b> baz</p>", "foobar baz", id="inline tags take no word apart"),
        pytest.param("<p>a\n  b <i> c</i></p>", "a b c", id="whitespace is one space"),
        pytest.param("<h1>A</h1><p>b<br>c</p><div>d</div>e", "A\n\nb\nc\n\nd\ne", id="blocks"),
        pytest.param("<ul><li>a<li>b <ul><li>c</ul></ul>d", "a\nb\n\nc\n\nd", id="lists"),
        pytest.param("<table><tr><th>A<th>B<tr><td><p>c</p><p>d<td>e</table>f", "A\tB\nc d\te\n\nf", id="table"),
        pytest.param("<td>a<table><tr><td>b<td>c</table><td>d", "a b c\td", id="a table in a cell"),
        pytest.param("<pre>  a\n   b</pre>c", "  a\n   b\n\nc".strip(), id="preformatted"),
        pytest.param("a<script>b</script><style>c</style><!-- d --><noscript>e</noscript>f", "af", id="not shown"),
        pytest.param("<title>a</title><template>b</template><iframe>c</iframe>d", "d", id="nor that"),
        pytest.param(
            "<p hidden>a<p style='color:red; DISPLAY : none'>b<p style='visibility:hidden'>c<p>d", "d", id="hidden"
        ),
        pytest.param("<p style='display:nonesuch'>a", "a", id="another style"),
        pytest.param("<dialog>a</dialog><dialog open>b</dialog>", "b", id="dialogs"),
        pytest.param("&lt;b&gt; &amp; &#128512; &euro;", "<b> & 😀 €", id="entities"),
        pytest.param("a\0b\x1bc\x85d&#1;e", "abc de", id="control characters"),
        pytest.param("no tags", "no tags", id="no tags"),
        pytest.param("<p>a<p>b</div></b><i>c", "a\n\nbc", id="tags that don't match"),
        pytest.param("a < b && c > d", "a < b && c > d", id="stray signs"),
    ],
)
def test_the_text_is_what_a_reader_sees(html: str, text: str) -> None:
    assert html_text(html.encode(), LIMITS).text == text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        pytest.param("<p>Größe".encode(), "Größe", id="UTF-8 where nothing is declared"),
        pytest.param("<meta charset=iso-8859-1><p>Größe €".encode("cp1252"), "Größe €", id="Latin-1 means Windows"),
        pytest.param("<META CHARSET = 'Shift_JIS'><p>日本".encode("cp932"), "日本", id="Shift_JIS"),
        pytest.param(
            '<meta http-equiv="Content-Type" content="text/html; charset=gb2312"><p>快递'.encode("gb18030"),
            "快递",
            id="GB 2312 the old way",
        ),
        pytest.param("<meta charset=euc-kr><p>한국".encode("cp949"), "한국", id="EUC-KR"),
        pytest.param("<meta charset=koi8-r><p>Привет".encode("koi8-r"), "Привет", id="KOI8-R"),
        pytest.param("<?xml version='1.0' encoding='windows-1251'?><p>Мир".encode("cp1251"), "Мир", id="XHTML"),
        pytest.param("\ufeff<meta charset=koi8-r><p>快".encode("utf-16"), "快", id="a mark goes first"),
        pytest.param("<meta charset=utf-16><p>Größe".encode(), "Größe", id="UTF-16 in a meta means UTF-8"),
    ],
)
def test_charsets(data: bytes, text: str) -> None:
    assert html_text(data, LIMITS).text == text


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        pytest.param(
            "<p>Größe".encode("latin-1"), RefusalKind.INVALID, "declares no charset: the byte at 5", id="none"
        ),
        pytest.param(b"<meta charset=utf-8>\xff", RefusalKind.INVALID, "it declares: the byte at 20", id="another"),
        pytest.param(
            b"<meta charset=klingon>", RefusalKind.INVALID, "charset 'klingon', which is not known", id="unknown"
        ),
        pytest.param(b"<meta charset=unicode_escape>", RefusalKind.INVALID, "not known", id="Python's own"),
        pytest.param(b"<meta charset=rot13>", RefusalKind.INVALID, "not known", id="no charset at all"),
        pytest.param(b"%PDF-1.7", RefusalKind.INVALID, "a PDF file, not HTML", id="PDF"),
        pytest.param(b"", RefusalKind.EMPTY, "is empty", id="nothing"),
        pytest.param(b"<html><body><script>x</script>", RefusalKind.EMPTY, "shows no text", id="a script only"),
        pytest.param(b"<p>&nbsp;", RefusalKind.EMPTY, "shows no text", id="a space only"),
        pytest.param(b"<div>a" * 5000, RefusalKind.TOO_COSTLY, "nested too deeply", id="nested deeply"),
        pytest.param(b"a " * 1000, RefusalKind.TOO_LARGE, "more than 1000 characters", id="too long"),
    ],
)
def test_what_cannot_be_read_is_refused(data: bytes, kind: str, said: str) -> None:
    with pytest.raises(Refusal, match=said) as caught:
        html_text(data, LIMITS)
    assert caught.value.kind == kind


def test_nesting_is_read_to_its_end_or_refused() -> None:
    """libxml2's own bound is a depth of 256, behind which its tree has nothing more and no error is raised."""
    assert html_text(b"<div>" * 1000 + b"the end", LIMITS).text == "the end"
