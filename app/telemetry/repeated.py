"""A library that says the same thing over and over is heard once a minute."""

import logging
import time
from collections.abc import Callable

__all__ = ["EVERY_S", "OncePerMinute"]

EVERY_S = 60.0


class OncePerMinute(logging.Filter):
    """Passes one record a minute from each place in the code; the next one from there tells how many it left out.

    `clock` gives seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        place, now = (record.pathname, record.lineno), self._clock()
        said, left_out = self._said.get(place, (now - EVERY_S, 0))
        if now - said < EVERY_S:
            self._said[place] = said, left_out + 1
            return False
        self._said[place] = now, 0
        if left_out:
            record.msg, record.args = f"{record.getMessage()} (and {left_out} like it before)", ()
        return True
