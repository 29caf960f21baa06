"""Where the database is. A password comes from the environment or a file, never from the configuration itself."""

import os

import sqlalchemy as sa

from app.sections import DatabaseSettings
from chains.errors import ConfigurationError

__all__ = ["database_url"]

_DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}


def database_url(settings: DatabaseSettings) -> sa.URL:
    """The URL with its driver and its password. Raises ConfigurationError with what is wrong about it."""
    try:
        url = sa.make_url(settings.url)
    except sa.exc.ArgumentError:
        raise ConfigurationError("database.url: this is no URL; write sqlite:///FILE or postgresql://...") from None
    kind = url.drivername.partition("+")[0]
    if kind not in _DRIVERS:
        raise ConfigurationError(f"database.url: {kind!r} is not served; write sqlite:///FILE or postgresql://...")
    if kind == "sqlite" and url.database in (None, "", ":memory:"):
        raise ConfigurationError("database.url: a database in memory would lose jobs; name a file: sqlite:///FILE")
    if url.password is not None:
        raise ConfigurationError(
            "database.url: a password doesn't belong into the configuration; name an environment variable in "
            "database.password_env, or a file in database.password_file"
        )
    return url.set(drivername=_DRIVERS[kind], password=_password(settings))


def _password(settings: DatabaseSettings) -> str | None:
    if settings.password_env is not None:
        password = os.environ.get(settings.password_env)
        if not password:
            name = settings.password_env
            raise ConfigurationError(f"database.password_env: the environment variable {name} is not set")
        return password
    if settings.password_file is not None:
        try:
            return settings.password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigurationError(
                f"database.password_file: {settings.password_file} cannot be read: {error.strerror}"
            ) from error
    return None
