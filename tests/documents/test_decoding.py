"""Base64: strictly, and what is wrong is said with its place."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chains.documents.decoding import decoded
from chains.documents.errors import DocumentInvalid, DocumentTooLarge


@given(st.binary(max_size=200))
def test_what_is_encoded_comes_back(data: bytes) -> None:
    assert decoded(base64.b64encode(data).decode(), 1000) == data


def test_a_large_document_comes_back_over_its_pieces() -> None:
    data = bytes(range(256)) * 12_345
    assert decoded(base64.b64encode(data).decode(), len(data)) == data


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("QUJD\r\nREVG", "the character at 4 is '\\r'. Encode it without line breaks", id="MIME"),
        pytest.param("-_-_", "the character at 0 is '-'. Use the standard alphabet", id="URL alphabet"),
        pytest.param("data:text/plain;base64,QUJD", "the character at 4 is ':'. Send the data alone", id="data URL"),
        pytest.param("QUJ", "3 characters are no multiple of 4", id="no padding"),
        pytest.param("QUJDRA", "6 characters are no multiple of 4", id="cut"),
        pytest.param("QU==QUJD", "the character at 2 is '='", id="padding within"),
        pytest.param("QQ====", "the character at 2 is '='", id="too much padding"),
        pytest.param("Q===", "the character at 1 is '='", id="three of padding"),
        pytest.param("====", "the character at 0 is '='", id="padding only"),
        pytest.param("QUJDé===", "the character at 4 is '\\xe9'", id="not ASCII"),
        pytest.param("Q\0==", "the character at 1 is '\\x00'", id="NUL"),
    ],
)
def test_what_is_not_base64_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(DocumentInvalid) as caught:
        decoded(text, 1000)
    assert said in str(caught.value)
    assert [error.pointer for error in caught.value.errors] == ["/document/data_base64"]


def at(place: int, character: str) -> str:
    """A large text with one foreign character."""
    text = base64.b64encode(bytes(3 << 20)).decode()
    return text[:place] + character + text[place + 1 :]


@pytest.mark.parametrize("place", [0, (1 << 18) - 1, 1 << 18, 1_234_567, (4 << 20) - 3])
@pytest.mark.parametrize("character", ["\n", "=", "é"])
def test_the_place_is_right_in_every_piece(place: int, character: str) -> None:
    with pytest.raises(DocumentInvalid, match=f"the character at {place} is"):
        decoded(at(place, character), 10 << 20)


@pytest.mark.parametrize("size", [10, 11, 12])
def test_the_limit_is_on_the_bytes(size: int) -> None:
    assert len(decoded(base64.b64encode(bytes(size)).decode(), size)) == size
    with pytest.raises(DocumentTooLarge, match=f"{size} bytes; this service takes {size - 1}"):
        decoded(base64.b64encode(bytes(size)).decode(), size - 1)
