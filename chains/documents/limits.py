"""What a document may cost."""

from dataclasses import dataclass

from chains.parsing.wire import LARGEST_DOCUMENT_BYTES

__all__ = ["DocumentLimits"]


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """Bytes, pages, characters of text; seconds for reading one, on the clock and of CPU time alike; MiB of memory
    for one.

    `parallel` documents are read at once, `max_queue` more wait for that, for at most `queue_timeout_s`.
    """

    max_bytes: int = LARGEST_DOCUMENT_BYTES
    max_pages: int = 1000
    max_characters: int = 5_000_000
    timeout_s: float = 60.0
    memory_mib: int = 512
    parallel: int = 2
    max_queue: int = 32
    queue_timeout_s: float = 60.0
