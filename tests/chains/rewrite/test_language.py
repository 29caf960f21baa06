"""Which language a text is in, and whether a rewriting changed it: only where that is certain."""

import pytest

from chains.tasks.rewrite.language import is_foreign, language_of

GERMAN = "Wir haben das Paket nicht erhalten und bitten Sie, es mit der Rechnung noch einmal an die Firma zu senden."
ENGLISH = "We have not received the parcel, and we ask you to send it with the invoice to our company once more."


@pytest.mark.parametrize(
    ("text", "language"),
    [
        pytest.param(ENGLISH, "en", id="english"),
        pytest.param(GERMAN, "de", id="german"),
        pytest.param(
            "Nous vous prions de le renvoyer avec la facture, il n'est pas dans les papiers.", "fr", id="french"
        ),
        pytest.param(
            "El paquete no está en los papeles y por eso las facturas son del año pasado.", "es", id="spanish"
        ),
        pytest.param("Meet Ada Lovelace", "Latin", id="few words"),
        pytest.param("Мы встретимся", "Cyrillic", id="russian"),
        pytest.param("ჩემი ბარათი დაიკარგა", "Georgian", id="georgian"),
        pytest.param("ஆவணம் இங்கே", "Tamil", id="tamil"),
        pytest.param("我们明天见 OK", "Han", id="chinese with a latin word"),
        pytest.param("明日、東京で会いましょう", "Kana", id="japanese"),
        pytest.param("نلتقي غدا", "Arabic", id="arabic"),
        pytest.param("abc где", None, id="mixed"),
        pytest.param("😀 42", None, id="no letters"),
        pytest.param("ok", None, id="few letters"),
    ],
)
def test_tells_the_language(text: str, language: str | None) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("text", "source", "foreign"),
    [
        pytest.param(ENGLISH, GERMAN, True, id="english for german"),
        pytest.param(GERMAN, GERMAN[:60], False, id="both german"),
        pytest.param("Send it.", GERMAN, False, id="too short to tell"),
        pytest.param(ENGLISH, "我们明天见", True, id="english for chinese"),
        pytest.param("明日会議", "明日、東京で会いましょう", False, id="japanese without kana"),
        pytest.param("😀", ENGLISH, False, id="no letters"),
    ],
)
def test_tells_a_change_of_language(text: str, source: str, foreign: bool) -> None:
    assert is_foreign(text, source) == foreign
