"""llama.cpp's own HTTP server on a TCP port, in a process of its own: a real server that speaks OpenAI's protocol.

    with llama_server(context_tokens=1024, slots=2) as server:
        OpenAIConfig(kind="openai", base_url=f"{server.url}/v1", model=server.model)

Run as a script it is that process: it reads one line of JSON, answers one line with its address, and ends with its
standard input.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

__all__ = ["LlamaServer", "llama_server"]

_START_S = 60


@dataclass(frozen=True, slots=True)
class LlamaServer:
    """`url` is the server's root, `/v1` below it speaks OpenAI's protocol; `model` is the name it reports itself."""

    url: str
    model: str
    context_tokens: int
    slots: int
    pid: int


@contextmanager
def llama_server(*, context_tokens: int = 1024, slots: int = 2, api_key: str = "") -> Iterator[LlamaServer]:
    """The packaged model, `context_tokens` for each of its `slots`; with `api_key` it refuses requests without."""
    from chains.backends.embedded.model_file import model_file

    file = model_file(None)
    wanted = {
        "file": str(file),
        "model": file.stem,
        "context_tokens": context_tokens,
        "slots": slots,
        "api_key": api_key,
    }
    process = subprocess.Popen(
        [sys.executable, "-P", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(wanted) + "\n")
        process.stdin.flush()
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), url or "the process ended while it loaded the model"
        yield LlamaServer(url, file.stem, context_tokens, slots, process.pid)
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def main() -> None:
    wanted = json.loads(sys.stdin.readline())
    with os.fdopen(os.dup(1), "w") as answer:
        os.dup2(2, 1)
        server = _serve(wanted)
        print(server.listening_address, file=answer)
    sys.stdin.read()
    os._exit(0 if server else 1)


def _serve(wanted: dict[str, Any]) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = wanted["file"]
    params.model_alias = {wanted["model"]}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    if wanted["api_key"]:
        params.api_keys = [wanted["api_key"]]
    params.kv_unified = False
    params.n_ctx = wanted["context_tokens"] * wanted["slots"]
    params.n_parallel = wanted["slots"]
    params.cache_ram_mib = 64
    params.ctx_shift = False
    params.n_batch = 64
    params.cpuparams.n_threads = 1
    params.endpoint_slots = True
    params.ui = False
    params.verbosity = 2
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
