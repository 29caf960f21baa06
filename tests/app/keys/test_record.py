"""Whether a secret opens a key."""

import hmac
from dataclasses import replace

import pytest

from app.keys.record import KeyRecord, match
from app.keys.secret import PresentedKey, digest, mint, parse

NOW = 1_000_000
SECRET, OLD, OTHER = (mint().secret for _ in range(3))
PLAIN = KeyRecord("k", "test", digest(SECRET), frozenset({"tasks"}), created_at=0)
ROTATED = replace(PLAIN, previous_sha256=digest(OLD), previous_until=NOW + 1)


@pytest.mark.parametrize(
    ("record", "secret", "is_holder", "refusal"),
    [
        pytest.param(None, SECRET, False, None, id="no such id"),
        pytest.param(PLAIN, OTHER, False, None, id="a wrong secret"),
        pytest.param(PLAIN, SECRET, True, None, id="the secret"),
        pytest.param(ROTATED, SECRET, True, None, id="the new secret"),
        pytest.param(ROTATED, OLD, True, None, id="the old secret in its grace"),
        pytest.param(replace(ROTATED, previous_until=NOW), OLD, True, "has a new secret", id="the old secret after it"),
        pytest.param(replace(PLAIN, expires_at=NOW), SECRET, True, "has expired", id="expired"),
        pytest.param(replace(PLAIN, expires_at=NOW), OTHER, False, None, id="expired, to a stranger"),
        pytest.param(replace(PLAIN, expires_at=NOW + 1), SECRET, True, None, id="about to expire"),
        pytest.param(replace(PLAIN, revoked_at=1), SECRET, True, "was revoked", id="revoked"),
        pytest.param(replace(PLAIN, revoked_at=1), OTHER, False, None, id="revoked, to a stranger"),
        pytest.param(replace(ROTATED, revoked_at=1), OLD, True, "was revoked", id="revoked, by the old secret"),
    ],
)
def test_what_a_secret_opens(record: KeyRecord | None, secret: str, is_holder: bool, refusal: str | None) -> None:
    result = match(record, secret, NOW)
    assert result.is_holder is is_holder
    assert (result.refusal is None) if refusal is None else (refusal in str(result.refusal))


@pytest.mark.parametrize(
    ("record", "secret"),
    [
        pytest.param(None, OTHER, id="no such id"),
        pytest.param(PLAIN, OTHER, id="a wrong secret"),
        pytest.param(PLAIN, SECRET, id="the secret"),
        pytest.param(ROTATED, OLD, id="the old secret"),
    ],
)
def test_every_check_compares_the_same_number_of_hashes(record: KeyRecord | None, secret: str) -> None:
    """The time of a check tells nothing: two comparisons of 64 characters each, by what doesn't stop at the first that
    differs."""
    compared = []

    def compare(given: str, kept: str) -> bool:
        compared.append((len(given), len(kept)))
        return hmac.compare_digest(given, kept)

    match(record, secret, NOW, compare)
    assert compared == [(64, 64), (64, 64)]
    assert match.__defaults__ == (hmac.compare_digest,)


def test_a_key_is_read_as_it_was_written() -> None:
    key = mint()
    assert parse(key.text()) == key
    assert len(key.secret) == 43
    assert mint(key.id).id == key.id
    assert len({mint().text() for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(f"cdk_k_{SECRET[:31]}", id="a short secret"),
        pytest.param(f"cdk_k_{SECRET * 3}", id="a long secret"),
        pytest.param(f"cdk__{SECRET}", id="no id"),
        pytest.param(f"cdk_K_{SECRET}", id="an id in capital letters"),
        pytest.param(f"CDK_k_{SECRET}", id="another prefix"),
        pytest.param(f"cdk_k_{SECRET[:-1]}ü", id="another letter"),
        pytest.param(f"cdk_k_{SECRET}\n", id="a line break"),
    ],
)
def test_what_is_no_key(text: str) -> None:
    assert parse(text) is None


def test_a_secret_is_in_no_repr() -> None:
    key = PresentedKey("k", SECRET)
    assert SECRET not in repr(key)
    assert digest(SECRET) not in repr(PLAIN)
