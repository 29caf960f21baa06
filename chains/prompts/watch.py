"""Changes of a prompt folder: told by the system where it tells them, and noticed within a second where it doesn't.

Notifications miss a folder that is replaced by a rename or a symbolic link, and most network file systems. So
what decides is a fingerprint of the tree, which is also taken now and then without any notification.
"""

import asyncio
import logging
import os
import stat
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from watchfiles import awatch

from chains.errors import PromptError, PromptSetError
from chains.prompts.visibility import DEEPEST, EVIDENCE, is_hidden

__all__ = ["Fingerprint", "changes", "fingerprint", "read_settled"]

T = TypeVar("T")

_log = logging.getLogger("copydesk.prompts")
_QUIET_MS = 50
_LONGEST_UNQUIET_MS = 500
_LOOK_S = 0.5
_LOOKS_PER_COST = 100
_WITHOUT_NOTIFICATIONS_S = 30.0
_SETTLING_S = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.5, 0.5, 0.5)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Two that are equal mean a tree that wasn't touched in between.

    root     the folder with links followed, its device and inode; its path alone where there is no such folder
    entries  every file's path, size, times of change in nanoseconds, inode and device
    """

    root: tuple[object, ...]
    entries: frozenset[tuple[object, ...]]


def fingerprint(folder: Path) -> Fingerprint:
    """Look at a prompt folder without reading a file.

    Left out are evidence/, which serves nothing, and hidden files and those that end with ~, which are editors'.
    """
    root = os.path.realpath(folder)
    try:
        status, link = Path(root).stat(), folder.lstat()
    except OSError as error:
        return Fingerprint((root,), frozenset({("", error.errno)}))
    entries = {("", link.st_ctime_ns if stat.S_ISLNK(link.st_mode) else 0), *_entries(root, ())}
    return Fingerprint((root, status.st_dev, status.st_ino), frozenset(entries))


def _entries(directory: str, within: tuple[str, ...]) -> Iterator[tuple[object, ...]]:
    """What lies below a directory. What can't be looked at is an entry too, with the reason."""
    try:
        with os.scandir(directory) as listed:
            found = [entry for entry in listed if not is_hidden(entry.name)]
    except OSError as error:
        yield directory, error.errno
        return
    for entry in found:
        try:
            status = entry.stat()
        except OSError as error:
            yield entry.path, error.errno
            continue
        if not stat.S_ISDIR(status.st_mode):
            times = status.st_mtime_ns, status.st_ctime_ns
            yield entry.path, status.st_size, *times, status.st_ino, status.st_dev
        elif len(within) < DEEPEST and (within or entry.name != EVIDENCE):  # links may lead round in circles
            yield from _entries(entry.path, (*within, entry.name))


def read_settled(folder: Path, read: Callable[[], T]) -> T:
    """What `read` makes of the folder, from one state of it: what changes while it is read is read again.

    Blocks for up to three seconds. Raises what `read` raises on a tree that stood still, and PromptSetError where
    the tree never did.
    """
    before = fingerprint(folder)
    for pause in _SETTLING_S:
        time.sleep(pause)
        outcome: T | Exception
        try:
            outcome = read()
        except Exception as error:
            outcome = error
        after = fingerprint(folder)
        if after != before:
            before = after
        elif isinstance(outcome, Exception):
            raise outcome
        else:
            return outcome
    raise PromptSetError([PromptError("the folder changes faster than it can be read", path=folder, rule="file")])


async def changes(folder: Path) -> AsyncGenerator[None]:
    """Yield at once, and then whenever the tree has changed and been quiet for a moment.

    Ends only when it is closed or cancelled, and raises nothing: where the system notifies of nothing, it looks.
    """
    watch = _Watch(folder)
    while True:
        async with aclosing(watch.looks()) as looks:
            async for notified in looks:
                if await watch.has_changed(notified):
                    yield
                if watch.root != watch.seen.root:
                    break


class _Watch:
    """The state of one watch: what was seen last, and which root the system's notifications are for."""

    def __init__(self, folder: Path) -> None:
        self.root: tuple[object, ...] = ()
        self.seen = Fingerprint((), frozenset())
        self._folder = folder
        self._due = 0.0
        self._was_told = False

    async def looks(self) -> AsyncGenerator[bool]:
        """Yield whenever it is time to look at the root that is there now; True where something was notified."""
        self.root = (await asyncio.to_thread(fingerprint, self._folder)).root
        yield True
        try:
            async with aclosing(self._notifications()) as notifications:
                async for notified in notifications:
                    yield notified
        except FileNotFoundError:
            pass
        except (OSError, RuntimeError) as error:
            if not self._was_told:
                _log.warning("no notifications of edits (%s): looking for them every %g s instead", error, _LOOK_S)
            self._was_told = True
        ends = time.monotonic() + _WITHOUT_NOTIFICATIONS_S
        while time.monotonic() < ends:
            await asyncio.sleep(_LOOK_S)
            yield False

    async def _notifications(self) -> AsyncGenerator[bool]:
        batches = awatch(
            str(self.root[0]),
            watch_filter=None,
            debounce=_LONGEST_UNQUIET_MS,
            step=_QUIET_MS,
            rust_timeout=int(_LOOK_S * 1000),
            yield_on_timeout=True,
        )
        async with aclosing(batches):
            async for batch in batches:
                yield bool(batch)

    async def has_changed(self, notified: bool) -> bool:
        """Whether the tree is another one than last time. Without a notification, a costly look is taken rarely."""
        start = time.monotonic()
        if not notified and start < self._due:
            return False
        before, self.seen = self.seen, await asyncio.to_thread(fingerprint, self._folder)
        self._due = time.monotonic() + (time.monotonic() - start) * _LOOKS_PER_COST
        return self.seen != before
