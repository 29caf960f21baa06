"""A server of OpenAI's protocol that repeats in its errors whatever it was sent: texts, prompts and the key."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["echoing_model"]

_STATUS = {"echo 400": 400, "echo 401": 401, "echo 404": 404, "echo 429": 429, "echo 500": 500, "echo 503": 503}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send(200, json.dumps({"object": "list", "data": [{"id": "m", "object": "model"}]}))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        echo = f"you said {body} with {self.headers.get('authorization')}"
        status = next((status for word, status in _STATUS.items() if word in body), 200)
        if status != 200:
            self._send(status, json.dumps({"error": {"message": echo, "type": echo, "code": echo}}))
            return
        events: list[dict[str, object]] = [
            {"choices": [{"index": 0, "delta": {"content": body[:300]}, "finish_reason": None}], "model": "m"}
        ]
        if "echo in the stream" in body:
            events.append({"error": {"message": echo, "code": 500}})
        else:
            events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "model": "m"})
            usage = {"prompt_tokens": 700, "completion_tokens": 5, "total_tokens": 705}
            events.append({"choices": [], "usage": usage, "model": "m"})
        text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        self._send(200, text, "text/event-stream")

    def _send(self, status: int, text: str, media_type: str = "application/json") -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def echoing_model() -> Iterator[str]:
    """The server's base_url."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()
