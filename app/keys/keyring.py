"""The keys as this worker knows them: all of them in memory, so that no request waits for the database.

They are read again every `keys.refresh_s`. A secret that opens nothing is worth one more reading, since its key may
have been created or rotated a moment ago: who waits for such a reading shares it with all others who do, and between
two readings there is a pause, so that guessing can't flood the database. It takes the same way, and time, for an id
that exists and for one that doesn't.
"""

import asyncio
import logging
from collections.abc import Mapping

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from app.caller import ANONYMOUS, Caller
from app.keys.first_key import read_first_key
from app.keys.record import KeyRecord, match
from app.keys.secret import PresentedKey, parse
from app.keys.table import all_keys, version
from app.problems import ProblemError
from app.sections import KeySettings
from app.store import Database, now_ms
from chains.errors import ConfigurationError

__all__ = ["Keyring"]

_log = logging.getLogger("copydesk.keys")
_PAUSE_S = 0.2
"""Between two readings of the table: at most five a second, however many requests come with a wrong key."""


class Keyring:
    """All keys. `refresh` comes first, and `run` keeps them fresh.

    Raises ConfigurationError where `keys.first_key_file` holds no key.
    """

    def __init__(self, database: Database, settings: KeySettings) -> None:
        self._database = database
        self._refresh_s = settings.refresh_s
        self._first_key_file = settings.first_key_file
        self._first = None if settings.first_key_file is None else read_first_key(settings.first_key_file)
        self._records: Mapping[str, KeyRecord] = {}
        self._version = -1
        self._reading = asyncio.Lock()
        self._read_at = float("-inf")
        self._complaint = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is no key at all, so that a service on loopback needs none. One that has expired is one: time
        alone opens no door. One that was revoked is none."""
        return self._first is None and all(record.revoked_at is not None for record in self._records.values())

    def find(self, key_id: str) -> KeyRecord | None:
        """The key of that id; the one of `keys.first_key_file` goes before one of the database."""
        if self._first is not None and self._first.id == key_id:
            return self._first
        return self._records.get(key_id)

    def may_draft(self, key_id: str) -> bool:
        """Whether the caller of that id may name drafts."""
        record = self.find(key_id)
        return "drafts" in (ANONYMOUS.scopes if record is None else record.scopes)

    async def caller(self, text: str) -> Caller:
        """Whose key this is. Raises ProblemError, which tells only the holder of a key why it isn't good."""
        key = parse(text)
        if key is None:
            raise ProblemError("key_invalid", "What was sent is no API key: one has the form cdk_<id>_<secret>.")
        found = self._opened(key)
        if found is None:
            await self._read_again()
            found = self._opened(key)
        if found is None:
            raise ProblemError("key_invalid", "There is no such API key.")
        return found

    def _opened(self, key: PresentedKey) -> Caller | None:
        record = self.find(key.id)
        result = match(record, key.secret, now_ms())
        if not result.is_holder or record is None:
            return None
        if result.refusal:
            raise ProblemError("key_invalid", f"{result.refusal} Ask the operator for a new one.")
        return record.caller()

    async def run(self) -> None:
        """Read the keys again and again."""
        while True:
            await asyncio.sleep(self._refresh_s)
            await self._read_again()

    async def refresh(self) -> None:
        """Read all keys now; the file of the first key too, since an orchestrator may rewrite the secrets that it
        mounts. Raises sqlalchemy.exc.DBAPIError, and ConfigurationError where the file is no longer good."""
        self._read_at = asyncio.get_running_loop().time()
        found = await self._database.run(self._read)
        if found is not None:
            self._version, self._records = found
        if self._first_key_file is not None:
            self._first = read_first_key(self._first_key_file)

    def _read(self, connection: Connection) -> tuple[int, Mapping[str, KeyRecord]] | None:
        """None where nothing changed: to read ten thousand keys takes half a second."""
        found = version(connection)
        if found == self._version:
            return None
        return found, {record.id: record for record in all_keys(connection)}

    async def _read_again(self) -> None:
        """Wait for a reading that began after this moment. Where the database fails, what is known stays in force."""
        loop = asyncio.get_running_loop()
        asked = loop.time()
        async with self._reading:
            if self._read_at >= asked:
                return
            await asyncio.sleep(max(0.0, self._read_at + _PAUSE_S - loop.time()))
            try:
                await self.refresh()
            except DBAPIError as error:
                self._complain(f"the keys cannot be read again, those known stay in force: {error.orig}")
            except ConfigurationError as error:
                self._complain(f"the first key stays as it was: {error}")
            else:
                self._complaint = ""

    def _complain(self, complaint: str) -> None:
        """Say it once, and not every two seconds."""
        if complaint != self._complaint:
            _log.warning("%s", complaint)
        self._complaint = complaint
