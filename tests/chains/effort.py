"""How much work something may be."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["little_work"]


@contextmanager
def little_work() -> Iterator[None]:
    """At most half a second of this thread's time. The garbage of a large test run is collected another time."""
    gc.disable()
    start = time.thread_time()
    try:
        yield
    finally:
        gc.enable()
    assert time.thread_time() - start < 0.5
