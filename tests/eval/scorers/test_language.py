"""The language of a text, and whether a rewriting kept it."""

import pytest

from eval.scorers.language import language_kept, language_of
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
