"""The fork server: imports the parsers once, then forks a child for each document. Run it as `-m`.

Arguments: the descriptor of a Unix socket to the service, and `Limits` in JSON. It answers one line of JSON there:
`{}` when it is ready, `{"missing": name}` where a package is absent. From then on each message is the descriptor of a
connection for one document. Whoever closes the other end of a connection kills its child; when the service's end of
the socket closes, all children are killed, and the server ends.
"""

import ctypes
import gc
import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress

from chains.parsing.child import Parser, serve_one
from chains.parsing.wire import OUT_OF_MEMORY, Limits, frame

__all__: list[str] = []

_PR_SET_PDEATHSIG = 1


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    limits = Limits(**json.loads(sys.argv[2]))
    try:
        parsers = _parsers()
    except ImportError as error:
        control.sendall(json.dumps({"missing": error.name or str(error)}).encode() + b"\n")
        return
    # The children share this memory as long as nobody writes to it.
    gc.collect()
    gc.freeze()
    with _ForkServer(control, parsers, limits) as server:
        control.sendall(b"{}\n")
        server.run()


def _parsers() -> dict[str, Parser]:
    from chains.parsing.html import html_text
    from chains.parsing.pdf import pdf_text

    return {"application/pdf": pdf_text, "text/html": html_text}


class _ForkServer:
    """Children by the descriptor of the connection that this process keeps of each."""

    def __init__(self, control: socket.socket, parsers: dict[str, Parser], limits: Limits) -> None:
        self._control = control
        self._parsers = parsers
        self._limits = limits
        self._children: dict[int, tuple[int, socket.socket]] = {}
        self._poll = select.poll()

    def __enter__(self) -> "_ForkServer":
        self._woken, waker = os.pipe()
        for end in (self._woken, waker):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._poll.register(self._control, select.POLLIN)
        self._poll.register(self._woken, select.POLLIN)
        return self

    def __exit__(self, *_: object) -> None:
        for pid, _connection in self._children.values():
            _kill(pid)

    def run(self) -> None:
        """Until the service is gone."""
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor == self._control.fileno():
                    if not self._take():
                        return
                elif descriptor == self._woken:
                    os.read(self._woken, 1024)
                    self._reap()
                elif descriptor in self._children:  # nobody waits for it any more
                    self._poll.unregister(descriptor)
                    _kill(self._children[descriptor][0])

    def _take(self) -> bool:
        """Fork a child for the connection that the service sends; False where it is gone."""
        data, descriptors, _, _ = socket.recv_fds(self._control, 1, 1)
        if not data:
            return False
        connection = socket.socket(fileno=descriptors[0])
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_child(connection, server)
        self._children[connection.fileno()] = pid, connection
        self._poll.register(connection, 0)  # hang-ups are always told
        return True

    def _become_child(self, connection: socket.socket, server: int) -> None:
        try:
            if sys.platform == "linux":
                ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != server:  # it died before it could have told
                os._exit(1)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            kept = connection.fileno()
            os.closerange(3, kept)
            os.closerange(kept + 1, 1 << 20)
            serve_one(connection, self._parsers, self._limits)
        except MemoryError:
            os._exit(OUT_OF_MEMORY)
        except BaseException:
            os._exit(1)
        os._exit(0)

    def _reap(self) -> None:
        """Tell of the children that have ended."""
        ended = {}
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    break
                ended[pid] = os.waitstatus_to_exitcode(status)
        for descriptor, (pid, connection) in list(self._children.items()):
            if pid in ended:
                del self._children[descriptor]
                with suppress(KeyError):
                    self._poll.unregister(descriptor)
                with connection, suppress(OSError):  # whoever has the answer has closed
                    connection.setblocking(False)
                    connection.send(frame({"ended": ended[pid]}))


def _kill(pid: int) -> None:
    # It has not been waited for, so no other process has its number.
    os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
