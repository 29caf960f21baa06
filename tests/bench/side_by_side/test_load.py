"""Loads: what is read of wrk's output, that no two requests are the same, and both on the canned backend."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.side_by_side.canned import AFTER_60_MS, ANSWER, AT_ONCE, FIRST_S, FIRST_TOKEN, TOKEN_COUNT, TOKENS, Canned
from bench.side_by_side.canned import canned as started_backend
from bench.side_by_side.load import loaded, parsed, script
from bench.side_by_side.streams import streamed
from bench.side_by_side.subjects.direct import Direct
from bench.side_by_side.subjects.started import answer
from bench.side_by_side.subjects.subject import TEXT, MissingSubject, Request, Running
from tests.conftest import program, unavailable

EARLY_MS = 20
"""nginx looks at its clock once for all that happens at a time, so that a pause can be shorter than was said."""

OUTPUT = """\
Running 2s test @ http://127.0.0.1:18090
  1 threads and 16 connections
  469 requests in 2.01s, 352.10KB read
Requests/sec:    233.67
REPORT {"requests": 469, "seconds": 2.007081, "bad_status": 3, "broken": 1, "p50_ms": 66.3810, "p95_ms": 77.3790, \
"p99_ms": 85.0100}
"""


def test_what_wrk_reports_is_read() -> None:
    rates = parsed(OUTPUT)
    assert (rates.requests, rates.bad_status, rates.broken) == (469, 3, 1)
    assert (rates.p50_ms, rates.p95_ms, rates.p99_ms) == (66.381, 77.379, 85.01)
    assert rates.per_second == pytest.approx(233.67, abs=0.01)


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("", "wrk reported nothing: it wrote nothing"),
        ("unable to connect to 127.0.0.1:1 Connection refused\n", "Connection refused"),
        (OUTPUT.replace('"requests": 469', '"requests": 0'), "not one answer"),
    ],
)
def test_a_load_without_an_answer_is_told(output: str, reason: str) -> None:
    with pytest.raises(MissingSubject, match=reason):
        parsed(output)


def test_the_script_keeps_what_json_and_headers_escape() -> None:
    ask = Request("/v1/x", json.dumps({"text": TEXT, "style": 'a "b"\n'}), {"X-Key": 'k"\\'})
    lua = script(ask, 1, same_text=False)
    assert r"\"style\": \"a \\\"b\\\"\\n\"}" in lua
    assert r'["X-Key"] = "k\"\\"' in lua


def test_each_load_has_texts_of_its_own() -> None:
    ask = Request("/v1/x", json.dumps({"text": TEXT}))
    first, second = (script(ask, run, same_text=False) for run in (2**62, 2**62 + 1))
    assert 'local run, number = "4611686018427387904", 0' in first
    assert 'local run, number = "4611686018427387905", 0' in second


@pytest.fixture(scope="module")
def canned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canned]:
    program("wrk", "wrk")
    try:
        with started_backend(tmp_path_factory.mktemp("canned")) as found:
            yield found
    except MissingSubject as error:
        unavailable(str(error))


@pytest.fixture
def direct(canned: Canned, tmp_path: Path) -> Iterator[Running]:
    with Direct().running(canned.backend(), tmp_path) as found:
        yield found


@pytest.mark.e2e
def test_a_load_counts_the_answers(canned: Canned, direct: Running, tmp_path: Path) -> None:
    canned.answer_as(AFTER_60_MS)
    load = loaded(direct, 4, 1, tmp_path)
    assert 60 - EARLY_MS <= load.rates.p50_ms <= load.rates.p95_ms <= load.rates.p99_ms
    assert 1 <= load.rates.per_second <= 4 / (0.06 - EARLY_MS / 1000)


@pytest.mark.e2e
def test_a_load_whose_requests_are_refused_is_no_measurement(direct: Running, tmp_path: Path) -> None:
    lost = Running(direct.host, direct.port, 0, 0, Request("/nowhere", direct.ask.body))
    with pytest.raises(
        MissingSubject,
        match=r"it failed under load, 2 times; the last time of [0-9]+ requests [0-9]+ were refused, 0 broken off",
    ):
        loaded(lost, 1, 1, tmp_path)


@pytest.mark.e2e
@pytest.mark.parametrize("case", [AT_ONCE, AFTER_60_MS, TOKENS])
def test_the_backend_answers_whole_and_as_a_stream(canned: Canned, direct: Running, case: str) -> None:
    canned.answer_as(case)
    status, text = answer(direct.host, direct.port, direct.ask, "x")
    assert (status, json.loads(text)["choices"][0]["message"]["content"]) == (200, ANSWER)
    assert direct.stream is not None
    status, text = answer(direct.host, direct.port, direct.stream, "x")
    events = [line.removeprefix("data: ") for line in text.split("\n") if line]
    chunks = [json.loads(event) for event in events[:-1]]
    said = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk["choices"]]
    assert (status, events[-1]) == (200, "[DONE]")
    assert said[0].startswith(FIRST_TOKEN)
    assert len(said) - 1 == (TOKEN_COUNT if case == TOKENS else 2)
    assert chunks[-1]["usage"]["completion_tokens"] > 0


@pytest.mark.e2e
def test_streams_are_timed_to_their_first_token_and_to_their_end(canned: Canned, direct: Running) -> None:
    canned.answer_as(TOKENS)
    found = streamed(direct, 3, 2, "1").found
    assert len(found.firsts) == len(found.ends) == 6
    assert all(FIRST_S - EARLY_MS / 1000 <= first < end for first, end in zip(found.firsts, found.ends, strict=True))


@pytest.mark.e2e
def test_a_stream_that_is_refused_is_no_measurement(direct: Running) -> None:
    assert direct.stream is not None
    lost = Running(direct.host, direct.port, 0, 0, direct.ask, Request("/nowhere", direct.stream.body))
    with pytest.raises(MissingSubject, match="a stream failed: RuntimeError"):
        streamed(lost, 1, 1, "1")
