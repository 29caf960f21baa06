"""The connection to Redis, where limits are counted in it. The package is imported only then."""

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.sections import LimitSettings
from chains.errors import ConfigurationError

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["redis_client"]

_TIMEOUT_S = 1.0
"""Who answers later is of no use to a request that waits."""

_CONNECTIONS = 32
"""Of each worker; who finds none free waits so long for one, since then it is the worker that is slow."""
_WAIT_S = 5.0


def redis_client(settings: LimitSettings) -> "Redis":
    """A client for `limits.redis_url`; it connects when it is used. Raises ConfigurationError."""
    url = settings.redis_url or ""
    try:
        from redis.asyncio import BlockingConnectionPool, Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
    except ImportError as error:
        raise ConfigurationError(
            "limits.redis_url: the package for Redis is not installed: pip install 'copydesk[scale]'"
        ) from error
    if urlsplit(url).password is not None:
        raise ConfigurationError(
            "limits.redis_url: a password doesn't belong into the configuration; name an environment variable in "
            "limits.redis_password_env, or a file in limits.redis_password_file"
        )
    # A connection that Redis closed while nobody used it is made anew once; more tries would only cost time.
    again = Retry(NoBackoff(), 1)
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=_WAIT_S,
            password=_password(settings),
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=again,
        )
    except ValueError as error:
        raise ConfigurationError(f"limits.redis_url: {error}") from error
    return Redis.from_pool(pool)


def _password(settings: LimitSettings) -> str | None:
    name, path = settings.redis_password_env, settings.redis_password_file
    if name is not None:
        password = os.environ.get(name)
        if not password:
            raise ConfigurationError(f"limits.redis_password_env: the environment variable {name} is not set")
        return password
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(f"limits.redis_password_file: {path} cannot be read: {error.strerror}") from error
