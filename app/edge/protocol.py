"""uvicorn's HTTP/1.1 protocol with limits: on time, on size, and on how many callers may hold a connection.

What uvicorn lacks (0.54): a limit on the time that headers take, on slow readers, and on connections; errors that are
RFC 9457; `Connection: close` while the service stops. It is given to uvicorn as `http=`.
"""

import uuid
from typing import Any

import h11
from uvicorn._types import ASGIReceiveCallable, ASGIReceiveEvent, ASGISendCallable, ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol
from uvicorn.server import ServerState

from app.edge.bodies import BodyTime
from app.edge.connections import Phase
from app.edge.edge import Edge
from app.edge.hang_up import HangUp
from app.edge.strict_http import StrictConnection
from app.problems import MEDIA_TYPE, Problem, ProblemError, problem_of, retry_after, shutting_down
from app.telemetry.access_line import log_unread

__all__ = ["EdgeProtocol"]

_CODE_OF_HINT = {405: "method_not_allowed", 431: "headers_too_large"}


class EdgeProtocol(H11Protocol):
    """One connection. `conn` reads strictly, `edge.connections` knows what it is doing and ends it when that takes
    too long."""

    conn: StrictConnection

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any], _loop: Any = None) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.edge: Edge = app_state["edge"]
        self.conn = StrictConnection(self.edge.settings.max_header_bytes)
        self._serve = self.app
        self.app = self._serve_at_the_edge
        self._has_room = True
        self._hang_up = HangUp()
        self._is_evicted = False
        self._is_over = False

    # What the transport tells.

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._has_room = self.edge.connections.admit(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.edge.connections.leave(self)
        super().connection_lost(exc)
        self._hang_up.happen()

    def data_received(self, data: bytes) -> None:
        if not self._is_over and not self.transport.is_closing():
            super().data_received(data)

    def handle_events(self) -> None:
        super().handle_events()
        self._settle()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._settle()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._settle()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._unset_keepalive_if_required()  # the sweep of all connections sees to that
        self._settle()

    def _settle(self) -> None:
        self.edge.connections.enter(self, self._phase())

    def _phase(self) -> Phase:
        if self.transport.is_closing():
            return Phase.CLOSING
        if self._is_over:
            return Phase.DRAINING
        if self.flow.write_paused:
            return Phase.STALLED
        if self.cycle is None:
            return Phase.HEADERS
        if not self.cycle.response_complete:
            return Phase.BODY if self.cycle.more_body else Phase.WORK
        if self.conn.their_state is h11.SEND_BODY:
            return Phase.DRAINING
        return Phase.HEADERS if self.conn.has_data else Phase.IDLE

    # How a connection ends before its caller wants it.

    def expire(self, phase: Phase) -> None:
        if phase in (Phase.STALLED, Phase.CLOSING):
            self.abort()
        elif phase is Phase.HEADERS and self.conn.has_data:
            limit = self.edge.settings.header_timeout_s
            self._refuse(ProblemError("headers_timeout", f"The headers were not complete after {limit:g} s."))
        else:  # nothing was asked: nothing is answered
            self.transport.close()

    def evict(self, phase: Phase) -> None:
        if phase is Phase.BODY:
            self._is_evicted = True
            self.cycle.message_event.set()
        elif phase is Phase.HEADERS and self.conn.has_data:
            self._refuse(_no_room())
        elif phase in (Phase.STALLED, Phase.CLOSING):
            self.abort()
        else:
            self.transport.close()

    def abort(self) -> None:
        self.transport.abort()

    def finish(self) -> None:
        """The service stops: end the connection if no request is under way. The response to one says that it is the
        last."""
        phase = self._phase()
        if phase is Phase.HEADERS and self.conn.has_data:
            self._refuse(shutting_down())
        elif phase in (Phase.HEADERS, Phase.IDLE):
            self.transport.close()

    # What no application has seen yet.

    def send_400_response(self, msg: str) -> None:
        """uvicorn's name for the answer to what h11 could not read."""
        hint = self.conn.failure.error_status_hint if self.conn.failure else 400
        code = _CODE_OF_HINT.get(hint, "bad_http_request")
        if code == "headers_too_large":
            detail = f"The request line with its headers is larger than {self.edge.settings.max_header_bytes} bytes."
        else:
            detail = f"The request could not be read: {self.conn.reason()}."
        self._refuse(ProblemError(code, detail), linger=True)

    def _refuse(self, error: ProblemError, *, linger: bool = False) -> None:
        """Answer without the application, and close. An answer that has begun is broken off: it can't be mended.

        To close while a caller still sends would reset the connection, and might cost it the answer: `linger` takes
        what comes, for DRAIN_S at most, and throws it away.
        """
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
            self._hang_up.happen()
        if cycle is None or cycle.response_complete or not cycle.response_started:
            problem = problem_of(error, uuid.uuid4().hex, "")
            log_unread(problem.status, problem.request_id, problem.code)
            self.edge.refused(problem.status, problem.code)
            self.transport.write(self._answer(problem, error))
            if linger:
                self._is_over = True
                self.transport.write_eof()
                self.flow.resume_reading()
                self._settle()
                return
        self.transport.close()

    def _answer(self, problem: Problem, error: ProblemError) -> bytes:
        body = problem.model_dump_json(exclude_defaults=True).encode()
        headers = [
            *self.server_state.default_headers,
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"x-request-id", problem.request_id.encode()),
            *((name.encode(), value.encode()) for name, value in retry_after(problem, error).items()),
            CLOSE_HEADER,
        ]
        lines = [b"HTTP/1.1 %d %s" % (problem.status, STATUS_PHRASES[problem.status])]
        lines += [name + b": " + value for name, value in headers]
        return b"\r\n".join([*lines, b"", body])

    # What the application sees and sends.

    async def _serve_at_the_edge(self, scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        cycle = self.cycle  # of this request: the next one begins when it is answered
        time = BodyTime(self.edge.settings)

        async def receive_at_the_edge() -> ASGIReceiveEvent:
            message = await (time.receive(receive) if cycle.more_body else receive())
            if self._is_evicted:
                raise _no_room()
            return message

        async def send_at_the_edge(message: ASGISendEvent) -> None:
            # A caller that waits for `100 Continue` may never send the body that this response came before.
            last = self.edge.stopping.is_set() or self._is_evicted or cycle.waiting_for_100_continue
            if last and message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), CLOSE_HEADER]
            await send(message)

        self._hang_up = scope["state"]["hang_up"] = HangUp()
        if cycle.disconnected:
            self._hang_up.happen()
        scope["state"]["cut"] = self.abort  # for who has to end a response that nobody reads
        self._has_room = self._has_room or self.edge.connections.has_room()
        if not self._has_room:
            scope["state"]["refusal"] = _no_room()
        await self._serve(scope, receive_at_the_edge, send_at_the_edge)


def _no_room() -> ProblemError:
    return ProblemError("overloaded", "The service has as many connections as it has room for. Send the request again.")
