"""Addresses of servers and keys for them: what is refused, and that nothing secret is shown."""

import pytest

from chains.backends.addresses import checked_base_url, key_from
from chains.errors import ConfigurationError


@pytest.mark.parametrize(
    ("value", "address"),
    [
        pytest.param("http://gpu-host", "http://gpu-host", id="a host"),
        pytest.param("https://gpu-host:8000/v1//", "https://gpu-host:8000/v1", id="slashes at its end"),
        pytest.param("http://[::1]:65535/", "http://[::1]:65535", id="IPv6"),
    ],
)
def test_an_address(value: str, address: str) -> None:
    assert checked_base_url(value) == address


@pytest.mark.parametrize(
    ("value", "says"),
    [
        pytest.param("", "must be an address", id="nothing"),
        pytest.param("gpu-host:8000", "must be an address", id="no scheme"),
        pytest.param("ftp://gpu-host", "must be an address", id="another scheme"),
        pytest.param("http://:8000", "must be an address", id="no host"),
        pytest.param("http://[::1", "must be an address", id="half a bracket"),
        pytest.param("http://u:s3cret@gpu-host", "no password", id="a password"),
        pytest.param("http://@gpu-host", "no password", id="an empty user"),
        pytest.param("http://gpu-host?key=s3cret", "must end with", id="a query"),
        pytest.param("http://gpu-host/v1?", "must end with", id="an empty query"),
        pytest.param("http://gpu-host/#", "must end with", id="a fragment"),
        pytest.param("http://gpu-host:0", "1 to 65535", id="port 0"),
        pytest.param("http://gpu-host:65536", "1 to 65535", id="a port too high"),
        pytest.param("http://gpu-host:port", "1 to 65535", id="a port of letters"),
        pytest.param("http://gpu-host:/v1", "1 to 65535", id="a colon without a port"),
        pytest.param("http://gpu host", "white space", id="a space"),
        pytest.param("http://gpu-host\u00a0", "white space", id="a wide space"),
        pytest.param("http://gpu-host\n/v1", "white space", id="a line's end"),
        pytest.param("http://gpu-host\x00", "control characters", id="a control character"),
    ],
)
def test_no_address(value: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        checked_base_url(value)
    assert "s3cret" not in str(caught.value)


def test_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPU_KEY", " sk-s3cret\n")
    key = key_from("GPU_KEY")
    assert key.get_secret_value() == "sk-s3cret"
    assert "s3cret" not in repr(key)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        pytest.param(None, "GPU_KEY is not set or empty", id="not set"),
        pytest.param(" \n", "GPU_KEY is not set or empty", id="empty"),
        pytest.param("sk-s3\r\ncret", "GPU_KEY holds no key: it has control characters", id="lines"),
        pytest.param("sk-s3cret\u20ac", "outside ASCII", id="not ASCII"),
    ],
)
def test_no_key(monkeypatch: pytest.MonkeyPatch, value: str | None, says: str) -> None:
    monkeypatch.delenv("GPU_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("GPU_KEY", value)
    with pytest.raises(ConfigurationError, match=says) as caught:
        key_from("GPU_KEY", place="backends.gpu.api_key_env")
    assert str(caught.value).startswith("backends.gpu.api_key_env: ")
    assert "s3" not in str(caught.value)
