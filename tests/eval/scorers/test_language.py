"""The language of a text, and whether a rewriting kept it."""

import pytest

from eval.scorers.language import is_certainly_not, language_code, language_kept, language_of
from tests.conftest import ROOT

EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.??.txt"))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        pytest.param("The bridge is closed, and nobody knows for how long.", "en", id="English"),
        pytest.param("Die Brücke ist gesperrt, und niemand weiß, wie lange.", "de", id="German"),
        pytest.param("Le pont est fermé et personne ne sait pour combien de temps.", "fr", id="French"),
        pytest.param("El puente está cerrado y nadie sabe por cuánto tiempo.", "es", id="Spanish"),
        pytest.param("Il ponte è chiuso e nessuno sa per quanto tempo.", "it", id="Italian"),
        pytest.param("A ponte está fechada e ninguém sabe por quanto tempo não abre.", "pt", id="Portuguese"),
        pytest.param("De brug is dicht en niemand weet voor hoe lang het nog duurt.", "nl", id="Dutch"),
        pytest.param("桥已关闭，没有人知道要多久。", "zh", id="Chinese"),
        pytest.param("橋は閉鎖されており、いつまでかは誰も知らない。", "ja", id="Japanese"),
        pytest.param("다리가 폐쇄되었다", "Hangul", id="Korean"),
        pytest.param("Мост закрыт", "Cyrillic", id="Russian"),
        pytest.param("الجسر مغلق", "Arabic", id="Arabic"),
        pytest.param("Der Slogan heißt „Just do it“ und ist von 1988.", "de", id="German with English in it"),
        pytest.param("Nordwind Energy", None, id="only a name"),
        pytest.param("42 🎉 …", None, id="no letters"),
        pytest.param("", None, id="empty"),
    ],
)
def test_the_language_is_told(text: str, language: str | None) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize("path", [path for path in EXAMPLES if ".emoji." not in path.name], ids=lambda path: path.name)
def test_the_examples_of_the_docs_are_told(path: object) -> None:
    text = (ROOT / "docs" / "examples" / str(path)).read_text(encoding="utf-8")
    assert language_of(text) == str(path).split(".")[-2]


@pytest.mark.parametrize(
    ("source", "output", "kept"),
    [
        pytest.param("Das ist der Plan.", "So ist der Plan.", True, id="kept"),
        pytest.param("Das ist der Plan.", "This is the plan.", False, id="translated"),
        pytest.param("这是计划。", "This is the plan.", False, id="another script"),
        pytest.param("Das ist der Plan.", "", None, id="nothing to tell"),
    ],
)
def test_language_kept(source: str, output: str, kept: bool | None) -> None:
    assert language_kept(source, output) is kept


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        pytest.param("This is the plan of the town.", "de", True, id="English for German"),
        pytest.param("Das ist der Plan für die Stadt.", "en", True, id="German for English"),
        pytest.param("Das ist der Plan für die Stadt.", "de", False, id="German"),
        pytest.param("Snow closes airport", "de", False, id="short and Latin: nothing is certain"),
        pytest.param("Snow closes airport", "zh", True, id="Latin for Chinese"),
        pytest.param("Snow closes airport", "ar", True, id="Latin for Arabic"),
        pytest.param("雪で空港が閉鎖された。", "zh", True, id="Japanese for Chinese"),
        pytest.param(
            "大雪导致机场关闭，四十二个航班被取消，五千名旅客滞留机场。", "ja", True, id="Chinese for Japanese"
        ),
        pytest.param("大雪で空港閉鎖", "ja", False, id="Japanese with one kana"),
        pytest.param("大雪 空港閉鎖", "ja", False, id="Japanese without a kana, short"),
        pytest.param("大雪关闭机场", "en", True, id="Chinese for English"),
        pytest.param("أغلق الثلج المطار", "de", True, id="Arabic for German"),
        pytest.param("أغلق الثلج المطار", "ar", False, id="Arabic"),
        pytest.param("机场因大雪关闭", "ja", True, id="short Chinese for Japanese, by its simplified signs"),
        pytest.param("スマホ発売、机と本棚も", "ja", False, id="signs that Japanese has too"),
        pytest.param(
            "云帆发布NoteDesk，支持Linux和Markdown导出，修复iPad登录问题", "en", True, id="Chinese full of Latin names"
        ),
        pytest.param("The sign said 欢迎来到我们的城市参观", "en", False, id="English that quotes Chinese"),
        pytest.param("iPhone 15 Pro Max 今日发布", "zh", False, id="Chinese with an English name"),
        pytest.param("سعر تطبيق Rafiq 2 Premium هو 19 ريالًا.", "ar", False, id="Arabic with a Latin name"),
        pytest.param("اقرأ https://shop.example/very/long/address/of/a/page الآن", "ar", False, id="an address"),
        pytest.param("{name}様、{order_number_of_customer}です。", "ja", False, id="placeholders"),
        pytest.param("Мост закрыт", "ru", False, id="Russian"),
        pytest.param("Мост закрыт", "el", True, id="Russian for Greek"),
        pytest.param("Mikel etxera doa", "eu", False, id="a language that isn't known"),
        pytest.param("42", "de", False, id="no letters"),
        pytest.param("  ", "de", True, id="empty"),
    ],
)
def test_a_text_is_certainly_not_in_a_language(text: str, language: str, expected: bool) -> None:
    assert is_certainly_not(text, language) is expected


@pytest.mark.parametrize(
    ("name", "code"),
    [
        pytest.param("German", "de", id="English name"),
        pytest.param(" deutsch ", "de", id="own name"),
        pytest.param("de", "de", id="code"),
        pytest.param("de-CH", "de", id="code with a region"),
        pytest.param("zh_Hans", "zh", id="code with a script"),
        pytest.param("Arabic", "ar", id="script of the scorer"),
        pytest.param("日本語", "ja", id="Japanese"),
        pytest.param("Klingon", None, id="unknown"),
        pytest.param("", None, id="empty"),
    ],
)
def test_the_code_of_a_language_that_a_caller_names(name: str, code: str | None) -> None:
    assert language_code(name) == code
