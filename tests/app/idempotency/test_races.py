"""Equal requests at the same instant, on two workers; and workers that are killed while they serve."""

import os
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier

import httpx
import pytest

from tests.app.idempotency.replies import LEASE_S, calls, in_use, is_replay, new_key, post
from tests.app.test_http import problem
from tests.conftest import Service, wait_until
from tests.workers import workers_of

pytestmark = pytest.mark.e2e

AT_ONCE = 4


@pytest.mark.parametrize("rounds", [10, pytest.param(500, marks=pytest.mark.soak)])
def test_of_equal_requests_at_once_one_is_served(service: Service, rounds: int) -> None:
    outcomes: Counter[str] = Counter()
    with ThreadPoolExecutor(AT_ONCE) as pool, ExitStack() as stack:
        clients = [stack.enter_context(service.client()) for _ in range(AT_ONCE)]
        before = calls(clients[0])
        for _ in range(rounds):
            key, barrier = new_key(), Barrier(AT_ONCE)

            def ask(client: httpx.Client, key: str = key, barrier: Barrier = barrier) -> httpx.Response:
                barrier.wait()
                return post(client, "at once", key)

            answers = list(pool.map(ask, clients))
            outcomes.update(outcome(answer) for answer in answers)
            bodies = {answer.content for answer in [*answers, post(clients[0], "at once", key)] if answer.is_success}
            assert len(bodies) == 1
        assert calls(clients[0]) == before + rounds
    assert outcomes["served"] == rounds
    assert outcomes.keys() <= {"served", "replayed", "in progress"}


def outcome(answer: httpx.Response) -> str:
    if answer.status_code == 409:
        return "in progress"
    assert answer.status_code == 200, answer.text
    return "replayed" if is_replay(answer) else "served"


def test_when_a_worker_dies_another_takes_over_after_its_lease(service: Service) -> None:
    key = new_key()
    with service.client() as dying, service.client() as client, ThreadPoolExecutor(1) as pool:
        lost = pool.submit(post, dying, "slow", key)
        assert wait_until(lambda: in_use(client) == 1)
        killed = workers_of(service)
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        killed_at = time.monotonic()
        with pytest.raises(httpx.TransportError):
            lost.result()
    with service.client() as client:
        assert wait_until(lambda: post_or_none(client, "x", None) == 200), "\n".join(service.log[-12:])
        served = None
        while served is None:
            answer = post(client, "slow", key)
            if answer.status_code == 409:
                problem(answer, 409, "idempotency_in_progress")
                assert time.monotonic() < killed_at + LEASE_S + 5
                time.sleep(0.1)
            else:
                served = answer
        assert (served.status_code, is_replay(served)) == (200, False)
        assert is_replay(post(client, "slow", key))


def post_or_none(client: httpx.Client, text: str, key: str | None) -> int | None:
    try:
        return post(client, text, key).status_code
    except httpx.TransportError:
        return None
