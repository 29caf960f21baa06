"""The model is killed again and again under load: every request gets an answer or a typed error, and nothing leaks."""

import os
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.conftest import Service, model_processes, require_embedded, serving, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

KILLS, CALLERS, LONGEST_S = 5, 4, 60
BODY = {"text": "The council closes the Harbour Street bridge from 3 May for eleven weeks.", "max_words": 10}


def memory_mib(pid: int) -> float:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def call(client: httpx.Client) -> tuple[int, str]:
    started = time.monotonic()
    answer = client.post("/v1/summarize", json=BODY)
    assert time.monotonic() - started < LONGEST_S
    return answer.status_code, answer.json().get("code", "")


def kill(service: Service) -> None:
    (model,) = model_processes(service.process.pid)
    os.kill(model, signal.SIGKILL)
    assert wait_until(lambda: model not in model_processes(service.process.pid))


def test_kills_under_load_lose_no_request() -> None:
    require_embedded()
    outcomes: Counter[tuple[int, str]] = Counter()
    over = threading.Event()
    with serving() as service, service.client() as client, ThreadPoolExecutor(CALLERS) as pool:

        def keep_calling() -> None:
            while not over.is_set():
                outcomes[call(client)] += 1

        assert call(client) == (200, "")
        before = memory_mib(service.process.pid)
        calling = [pool.submit(keep_calling) for _ in range(CALLERS)]
        try:
            for _ in range(KILLS):
                answered = outcomes[200, ""]
                kill(service)
                assert wait_until(lambda: outcomes[200, ""] > answered + CALLERS, LONGEST_S)  # noqa: B023
        finally:
            over.set()
        for one in calling:
            one.result(LONGEST_S)
        assert call(client) == (200, "")
        assert len(model_processes(service.process.pid)) == 1
        assert memory_mib(service.process.pid) < before + 50
    assert set(outcomes) <= {(200, ""), (503, "backend_unavailable")}
    assert outcomes[503, "backend_unavailable"] <= KILLS * CALLERS
    assert "Traceback" not in "\n".join(service.log)
