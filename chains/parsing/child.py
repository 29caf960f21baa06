"""What happens in the child of one document: limits first, then the document, its text, and the end."""

import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from chains.parsing.wire import LENGTHS, Limits, Refusal, RefusalKind, Words, frame

__all__ = ["Parser", "serve_one"]

Parser = Callable[[bytes, Limits], Words]

_MIB = 1 << 20
_FILES = 64
_NICE = 10


def serve_one(connection: socket.socket, parsers: dict[str, Parser], limits: Limits) -> None:
    """Read one document from the connection and answer its text or a refusal.

    Raises OSError where nobody listens, and MemoryError.
    """
    _bound(limits)
    with connection.makefile("rb") as incoming:
        head_size, size = LENGTHS.unpack(incoming.read(LENGTHS.size))
        head = json.loads(incoming.read(head_size))
        connection.sendall(_answer(parsers[head["media_type"]], incoming.read(size), limits))


def _bound(limits: Limits) -> None:
    """Take from this process what a parser doesn't need."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):
        # If the machine's memory gives out, this process is the one to go.
        Path("/proc/self/oom_score_adj").write_text("1000")
    os.nice(_NICE)  # where cores are short, the service goes first
    if sys.platform == "linux":
        used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        memory = used + limits.memory_mib * _MIB
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _FILES),
    ):
        resource.setrlimit(what, (most, most))
    # The first signal ends the process; what might survive it, the second one does not.
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 1))


def _answer(parse: Parser, data: bytes, limits: Limits) -> bytes:
    try:
        words = parse(data, limits)
        body = words.text.encode()
        return frame({"pages": words.pages, "empty_pages": words.empty_pages}, body)
    except Refusal as refusal:
        return _refused(refusal.kind, refusal.message)
    except MemoryError:
        raise  # what it holds is given back with the process only
    except RecursionError:
        return _refused(RefusalKind.TOO_COSTLY, "The document is nested too deeply to be read. Simplify it.")
    except Exception as error:
        # Parsers raise whatever they stumble over. Their words may quote the document, so only the kind is told.
        message = f"The document is broken: the parser stopped at it ({type(error).__name__}). Save it anew."
        return _refused(RefusalKind.INVALID, message)


def _refused(kind: str, message: str) -> bytes:
    return frame({"refusal": kind, "message": message})
