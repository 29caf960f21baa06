"""PDF: pages to text, and every way in which one can't be read."""

import pytest

from chains.parsing.cleaning import clean, without_ligatures, without_line_hyphens
from chains.parsing.pdf import pdf_text
from chains.parsing.wire import Limits, Refusal, RefusalKind
from tests.documents.pdfs import Content, encrypted, flate_bomb, lines, pdf

LIMITS = Limits(max_pages=5, max_characters=200, memory_mib=1, cpu_s=1)
TWO = pdf([lines("The council closes the exam-", "ple bridge."), lines("Page two.")])
NOTHING = Content(b"0 0 m 9 9 l S")


@pytest.mark.parametrize(
    ("data", "text", "pages", "empty"),
    [
        pytest.param(TWO, "The council closes the example bridge.\n\nPage two.", 2, 0, id="two pages"),
        pytest.param(pdf([NOTHING, lines("Two."), NOTHING]), "Two.", 3, 2, id="pages without text are counted"),
        pytest.param(encrypted(TWO, ""), "The council closes the example bridge.\n\nPage two.", 2, 0, id="open to all"),
        pytest.param(pdf([lines("café € 3")]), "café € 3", 1, 0, id="Latin characters"),
        pytest.param(b"junk\n" + TWO, "The council closes the example bridge.\n\nPage two.", 2, 0, id="junk before it"),
    ],
)
def test_the_text_of_a_pdf(data: bytes, text: str, pages: int, empty: int) -> None:
    words = pdf_text(data, LIMITS)
    assert (words.text, words.pages, words.empty_pages) == (text, pages, empty)


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        pytest.param(b"Hello", RefusalKind.INVALID, "no PDF: it doesn't begin", id="text"),
        pytest.param(b"PK\x03\x04", RefusalKind.INVALID, "Word", id="Word"),
        pytest.param(TWO[:300], RefusalKind.INVALID, "is broken", id="cut"),
        pytest.param(b"%PDF-1.7\n" + b"junk " * 100, RefusalKind.INVALID, "is broken", id="junk"),
        pytest.param(TWO.replace(b"startxref", b"startxxxx"), RefusalKind.INVALID, "is broken", id="no table"),
        pytest.param(TWO.replace(b"[4 0 R", b"[99 0 R"), RefusalKind.INVALID, "has 2 pages, and 1 can", id="lost page"),
        pytest.param(
            pdf([lines("x"), Content(b"garbage" * 9, ("FlateDecode",))]),
            RefusalKind.INVALID,
            "unpacked",
            id="lost text",
        ),
        pytest.param(TWO.replace(b"[4 0 R", b"[2 0 R"), RefusalKind.INVALID, "is broken", id="pages in a circle"),
        pytest.param(TWO.replace(b"/F1 3 0 R", b"/F1 97 0 R"), RefusalKind.EMPTY, "No page", id="no font"),
        pytest.param(encrypted(TWO, "secret"), RefusalKind.ENCRYPTED, "is encrypted", id="password"),
        pytest.param(pdf([NOTHING, NOTHING]), RefusalKind.EMPTY, r"No page of the PDF \(2\).*OCR", id="scanned"),
        pytest.param(pdf([]), RefusalKind.EMPTY, "has no pages", id="no pages"),
        pytest.param(pdf([lines("x")] * 6), RefusalKind.TOO_LARGE, "6 pages; this service takes 5", id="pages"),
        pytest.param(pdf([lines("x" * 201)]), RefusalKind.TOO_LARGE, "more than 200 characters", id="characters"),
        pytest.param(pdf([flate_bomb(100 << 20)]), RefusalKind.TOO_COSTLY, "unpacks to far more", id="bomb"),
        pytest.param(pdf([flate_bomb(100 << 20, 2)]), RefusalKind.TOO_COSTLY, "unpacks to far more", id="in layers"),
    ],
)
def test_what_cannot_be_read_is_refused(data: bytes, kind: str, said: str) -> None:
    with pytest.raises(Refusal, match=said) as caught:
        pdf_text(data, LIMITS)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        pytest.param("an exam-\nple", "an example", id="a word is whole again"),
        pytest.param("an exam\u2010 \n ple", "an example", id="with another hyphen and spaces"),
        pytest.param(
            "a well-known fact, so well-\nknown", "a well-known fact, so well-known", id="known with a hyphen"
        ),
        pytest.param("wellknown, well-known, well-\nknown", "wellknown, well-known, well-known", id="known both ways"),
        pytest.param("Smith-\nJones", "Smith-Jones", id="a name"),
        pytest.param("SmithJones and Smith-\nJones", "SmithJones and SmithJones", id="a name known whole"),
        pytest.param("pages 3-\n4 and a-\nb", "pages 3-\n4 and a-\nb", id="numbers and single letters"),
        pytest.param("exam\u00ad\nple co\u00adop", "example coop", id="soft hyphens"),
        pytest.param("a dash -\nthen more", "a dash -\nthen more", id="a dash"),
        pytest.param("Straßen-\nbahn, grö-\nßer", "Straßenbahn, größer", id="German"),
        pytest.param("abc-\ndef-\nghi", "abcdef-\nghi", id="one after the other"),
    ],
)
def test_hyphens_at_the_ends_of_lines(text: str, whole: str) -> None:
    assert without_line_hyphens(text) == whole


def test_ligatures_are_letters_and_nothing_else_changes() -> None:
    assert without_ligatures("ﬁnd oﬃce, x² ½ Å") == "find office, x² ½ Å"


def test_only_tabs_and_line_breaks_remain_of_control_characters() -> None:
    assert clean("a\0b\x1b\tc\r\nd\re\ff\u2028g\x7f\ufeff\ud800h") == "ab\tc\nd\ne\nf\ng\ufffdh"
