"""Who may come in at all: callers with a key, or, on a service without keys, whoever is on this machine.

Never decided by the peer's address: a proxy has one too.
"""

import base64
import binascii
from collections.abc import Mapping

from starlette.datastructures import Headers

from app.caller import ANONYMOUS, NOBODY, Caller
from app.keys.keyring import Keyring
from app.keys.table import all_keys
from app.problems import ProblemError
from app.settings import Settings, is_loopback
from app.store import Database, now_ms
from chains.errors import ConfigurationError

__all__ = ["Entrance", "challenge", "check_open"]

_OPEN = ("/healthz", "/readyz")
_PAGES = ("/docs", "/openapi.json", "/static-offline-docs")
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


class Entrance:
    """Decides for each request whose it is. `host` is the address that the service listens on."""

    def __init__(self, keyring: Keyring, host: str) -> None:
        self._keyring = keyring
        self._is_local = is_loopback(host)

    async def caller(self, path: str, headers: Headers) -> Caller:
        """Whose request it is. Raises ProblemError where nobody is let in with it."""
        if self._is_local and self._keyring.is_empty:
            _check_direct(headers)
            return ANONYMOUS
        if path in _OPEN:
            return NOBODY
        return await self._keyring.caller(_presented(path, headers))


def challenge(path: str) -> Mapping[str, str]:
    """The header that goes with a 401 (RFC 9110, section 11.6.1). A browser asks its user for a name and a password
    where a page needs a key; everything else wants it as a bearer token."""
    if _is_page(path):
        return {"www-authenticate": 'Basic realm="Copydesk: any name, the API key as password", charset="UTF-8"'}
    return {"www-authenticate": 'Bearer realm="Copydesk"'}


def _is_page(path: str) -> bool:
    return any(path == page or path.startswith(page + "/") for page in _PAGES)


def _presented(path: str, headers: Headers) -> str:
    """The text that is to be a key. `X-API-Key` goes first: where a gateway sends an Authorization of its own, the
    caller says by it that the key is here. Raises ProblemError where there is none, or more than one."""
    for name in ("x-api-key", "authorization"):
        values = headers.getlist(name)
        if len(values) > 1:
            raise ProblemError("key_invalid", f"The header {name} came {len(values)} times: send it once.")
        if values:
            return values[0].strip() if name == "x-api-key" else _credentials(path, values[0])
    raise ProblemError("key_missing", "Send your API key as `Authorization: Bearer cdk_...`, or as `X-API-Key`.")


def _credentials(path: str, value: str) -> str:
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic" and _is_page(path):
        return _password(rest.strip())
    raise ProblemError(
        "key_missing", "The Authorization header has no bearer token. Send your API key as `Bearer cdk_...`."
    )


def _password(encoded: str) -> str:
    """Of `Basic` (RFC 7617), which is all that a browser sends by itself; the name before it means nothing here."""
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2].strip()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _check_direct(headers: Headers) -> None:
    """A service without keys is for this machine only."""
    host = headers.get("host", "")
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if not is_loopback(name):
        raise ProblemError("host_not_allowed", f"The Host header is {host[:100]!r}. Call 127.0.0.1 or localhost.")
    forwarded = next((header for header in _FORWARDED if header in headers), None)
    if forwarded:
        raise ProblemError("host_not_allowed", f"The request came through a proxy: it has the header {forwarded}.")


def check_open(settings: Settings, database: Database) -> None:
    """Whether the service may listen where it is told to. Raises ConfigurationError for an address that other machines
    reach while there is no key that lets anybody in. The database has been upgraded before."""
    if is_loopback(settings.server.host) or settings.keys.first_key_file is not None:
        return
    with database.transaction() as connection:
        if any(record.is_usable(now_ms()) for record in all_keys(connection)):
            return
    raise ConfigurationError(
        f"server.host: {settings.server.host} is not a loopback address, and there is no API key. Create the first "
        "one with `copydesk keys create --name NAME`, or name a file with one in keys.first_key_file; or listen on "
        "127.0.0.1."
    )
