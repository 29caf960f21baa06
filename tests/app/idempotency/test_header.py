"""The header `Idempotency-Key`: what is a key, and what is none."""

import pytest

from app.idempotency.header import read_key
from app.problems import ProblemError

UUID = "8e03978e-40d5-43dd-bc93-6894a57f9324"


@pytest.mark.parametrize(
    ("value", "key"),
    [
        pytest.param(f'"{UUID}"', UUID, id="quoted"),
        pytest.param(UUID, UUID, id="bare"),
        pytest.param(f"  {UUID}\t", UUID, id="white space around it"),
        pytest.param('"a b"', "a b", id="a space in quotes"),
        pytest.param(r'"a\"b\\c"', r"a\"b\\c".replace("\\\\", "\\").replace('\\"', '"'), id="escapes"),
        pytest.param('"a,b;c=d"', "a,b;c=d", id="signs in quotes"),
        pytest.param("a;b=c/d:e", "a;b=c/d:e", id="signs without quotes"),
        pytest.param("k" * 255, "k" * 255, id="255 characters"),
        pytest.param('"' + "k" * 255 + '"', "k" * 255, id="255 characters in quotes"),
    ],
)
def test_a_key_is_read(value: str, key: str) -> None:
    assert read_key([(b"host", b"x"), (b"idempotency-key", value.encode())]) == key


def test_a_request_without_the_header_has_no_key() -> None:
    assert read_key([(b"host", b"x")]) is None


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param('""', id="empty in quotes"),
        pytest.param("k" * 256, id="256 characters"),
        pytest.param('"' + "k" * 256 + '"', id="256 characters in quotes"),
        pytest.param('"open', id="an open quote"),
        pytest.param('a"b', id="a quote inside"),
        pytest.param('"a"b"', id="a quote inside of quotes"),
        pytest.param(r'"a\n"', id="an escape that isn't one"),
        pytest.param("a b", id="a space"),
        pytest.param("a, b", id="two joined by a proxy"),
        pytest.param("a,b", id="two joined without a space"),
        pytest.param('"a";b=1', id="parameters"),
        pytest.param("naïve", id="no ASCII"),
        pytest.param("a\x01", id="a control character"),
    ],
)
def test_what_is_no_key_is_refused(value: str) -> None:
    with pytest.raises(ProblemError) as caught:
        read_key([(b"idempotency-key", value.encode())])
    assert caught.value.code == "idempotency_key_invalid"
    assert value not in caught.value.detail or not value


def test_two_headers_are_refused() -> None:
    with pytest.raises(ProblemError, match="stands twice"):
        read_key([(b"idempotency-key", b"a"), (b"idempotency-key", b"a")])
