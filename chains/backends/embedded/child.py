"""The process that holds the model: llama.cpp's own HTTP server on a Unix socket, and nothing else.

Started by ModelServer as a script, so it imports nothing of Copydesk. It reads one line of JSON from standard
input (the fields of ModelServerParameters, the file and the socket), answers one line `ready` or
`failed: <reason>`, and lives until its standard input ends. The parent holds the other end and never writes
again, so that the child ends with its parent, however that ends.
"""

import json
import os
import sys
from typing import Any

__all__: list[str] = []

_WARNINGS = 2


def main() -> None:
    wanted = json.loads(sys.stdin.readline())
    try:
        server = _serve(wanted)
    except Exception as error:
        print(f"failed: {error}", flush=True)
        return
    print("ready", flush=True)
    sys.stdin.read()
    del server
    # The parent is gone or wants us gone: no answer is worth finishing.
    os._exit(0)


def _serve(wanted: dict[str, Any]) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = wanted["file"]
    params.hostnames = [wanted["socket"]]
    params.n_ctx = wanted["context_tokens"]
    params.n_parallel = wanted["slots"]
    # One pool of context for all slots: a single long request may use the whole of it.
    params.kv_unified = True
    params.cont_batching = True
    params.ctx_shift = False
    # Small batches let the server see a hang-up soon while it still reads a prompt.
    params.n_batch = wanted["batch_tokens"]
    params.cpuparams.n_threads = wanted["threads"]
    params.cpuparams_batch.n_threads = wanted["batch_threads"]
    # Enough that requests that wait for a slot leave a thread for /health and /tokenize.
    params.n_threads_http = wanted["slots"] * 8 + 16
    params.endpoint_slots = True
    params.endpoint_metrics = True
    params.ui = False
    params.verbosity = _WARNINGS
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
