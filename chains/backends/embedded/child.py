"""The process that holds the model: llama.cpp's own HTTP server on a Unix socket, and nothing else.

Started by ModelServer as a script, so it imports nothing of Copydesk. It reads one line of JSON from standard
input (the fields of ModelServerParameters, the file and the socket), answers one line `ready` or
`failed: <reason>`, and lives until its standard input ends. The parent holds the other end and never writes
again, so that the child ends with its parent, however that ends.
"""

import json
import os
import signal
import sys
from typing import Any

__all__: list[str] = []

_WARNINGS = 2
_LARGEST_PROMPT_CACHE_MIB = 256


def main() -> None:
    # A service manager tells all processes of a service to end: requests in flight still need the model.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    wanted = json.loads(sys.stdin.readline())
    # Standard output carries the one line of answer; what native code prints goes to standard error, which is drained.
    with os.fdopen(os.dup(1), "w") as answer:
        os.dup2(2, 1)
        try:
            server = _serve(wanted)
        except ImportError as error:
            hint = "; install the OpenMP runtime (Debian: apt-get install libgomp1)" if "gomp" in str(error) else ""
            print(f"failed: llama.cpp itself does not load: {error}{hint}", file=answer)
            return
        except Exception as error:
            print(f"failed: {error}", file=answer)
            return
        print("ready", file=answer)
    sys.stdin.read()
    # The parent is gone or wants us gone: no answer is worth finishing, so the server isn't closed first.
    os._exit(0 if server else 1)


def _serve(wanted: dict[str, Any]) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = wanted["file"]
    params.hostnames = [wanted["socket"]]
    # Every slot has a whole context of its own. In a shared pool two long requests fill it together, and llama.cpp
    # then fails both in mid-answer; also, what one slot answers would depend on what the others do.
    params.kv_unified = False
    params.n_ctx = wanted["context_tokens"] * wanted["slots"]
    params.n_parallel = wanted["slots"]
    # Prompts that lost their slot are kept here to be read no second time. llama.cpp's own bound is 8 GiB.
    params.cache_ram_mib = _LARGEST_PROMPT_CACHE_MIB
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
    server = xllamacpp.Server(params)
    # The first grammar reads the model's whole vocabulary, which takes a fifth of a second in which every slot stands
    # still. Better now than while callers wait.
    server.handle_completions({"prompt": "a", "n_predict": 1, "json_schema": {"type": "boolean"}})
    return server


if __name__ == "__main__":
    main()
