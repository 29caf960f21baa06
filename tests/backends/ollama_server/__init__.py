"""An Ollama server as a test kit: its own protocol, on a loopback port, over the real embedded model or over a canned
answer.

    with canned_server(["Hello", " there"]) as server:          # fast: fixed tokens, no model
        ...                                                       # server.base_url
    with model_backed_server(model_server) as server:           # tests/conftest.py's session fixture `model_server`
        ...

The server runs in a thread of its own, so it serves any event loop of the test. Everything about it may be changed
while it runs: `server.fault = Fault(status=500)`, `server.parallel = 2`, `server.ignores_truncate = True`. What it
saw and did is in `server.counts`, `server.last_body`, `server.last_tokens`.

What is as in Ollama (its source at v0.33, and published recordings of 0.12.5 to 0.40.2): paths, bodies, statuses and
error texts; contents rendered to one text whose control strings become control tokens; the cut in silence of what
is too long, oldest messages first, a last message to half the context; the nested error where `truncate` is false; a
reload when `num_ctx`, `shift` or another load-time option changes; slots with a wait without bound; an error line after
HTTP 200; a stream that just ends when a token repeats; generation cancelled when the client hangs up.
"""

from tests.backends.ollama_server.faults import Fault
from tests.backends.ollama_server.held import HeldModel
from tests.backends.ollama_server.model import Canned, LlamaCpp
from tests.backends.ollama_server.server import Counts, OllamaServer, canned_server, model_backed_server

__all__ = ["Canned", "Counts", "Fault", "HeldModel", "LlamaCpp", "OllamaServer", "canned_server", "model_backed_server"]
