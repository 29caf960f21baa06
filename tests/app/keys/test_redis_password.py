"""Redis' password comes from the environment or a file, never from the configuration itself."""

from pathlib import Path
from typing import Any

import pytest

from app.keys.redis_client import redis_client
from app.sections import LimitSettings
from chains.errors import ConfigurationError

URL = "redis://127.0.0.1:6379/0"


def password(**settings: Any) -> Any:
    client = redis_client(LimitSettings(redis_url=URL, **settings))
    return client.connection_pool.connection_kwargs.get("password")


def test_it_is_read_from_the_environment_or_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REDIS_PASSWORD", "from the environment")
    file = tmp_path / "redis_password"
    file.write_text("from the file\n")
    assert password() is None
    assert password(redis_password_env="REDIS_PASSWORD") == "from the environment"
    assert password(redis_password_file=file) == "from the file"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"redis_password_env": "NOT_SET"}, "limits.redis_password_env: the environment variable NOT_SET is not set"),
        ({"redis_password_file": "absent"}, "limits.redis_password_file: absent cannot be read: No such file"),
        ({"redis_url": "redis://:secret@127.0.0.1/0"}, "limits.redis_url: a password doesn't belong"),
    ],
    ids=["no variable", "no file", "in the URL"],
)
def test_what_is_missing_is_told(settings: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as caught:
        redis_client(LimitSettings(**{"redis_url": URL, **settings}))
    assert "secret@" not in str(caught.value)
