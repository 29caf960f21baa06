"""The service on the embedded model, end to end: real answers, crashes, workers, shutdown."""

import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.conftest import Service, model_processes, require_embedded, serving, wait_until

pytestmark = pytest.mark.e2e

TEXT = "The council closes the Harbour Street bridge from 3 May for eleven weeks. The work costs 2.4 million euros."


def test_summarize(embedded: httpx.Client) -> None:
    answer = embedded.post("/v1/summarize", json={"text": TEXT, "max_words": 30}).json()
    assert "bridge" in answer["summary"].lower()
    assert 1 <= len(answer["summary"].split()) <= 30
    assert answer["meta"]["model"].startswith("SmolLM2-135M")
    assert answer["meta"]["usage"]["output_tokens"] > 5


def test_rewrite(embedded: httpx.Client) -> None:
    text = "So, um, I think we should, you know, move the meeting to, uh, Thursday at 10."
    answer = embedded.post("/v1/rewrite", json={"text": text, "style": "clean_transcript"}).json()
    assert "Thursday" in answer["text"]
    assert " um," not in answer["text"]


def test_extract_gives_places_in_the_text(embedded: httpx.Client) -> None:
    text = "😀 Ada Lovelace met Charles Babbage in London."
    body = {"text": text, "types": [{"name": "PERSON"}, {"name": "CITY"}], "string_index_type": "unicode"}
    answer = embedded.post("/v1/extract", json=body).json()
    assert answer["entities"]
    for entity in answer["entities"]:
        assert text[entity["offset"] : entity["offset"] + entity["length"]] == entity["text"]
        assert entity["type"] in {"PERSON", "CITY"}


def test_classify_gives_one_of_the_labels_by_its_likelihood(embedded: httpx.Client) -> None:
    labels = [{"name": "complaint"}, {"name": "praise"}, {"name": "question"}]
    body = {"text": "Thank you, the new lamp is wonderful!", "labels": labels}
    answer = embedded.post("/v1/classify", json=body).json()
    (label,) = answer["labels"]
    assert label["name"] == "praise"
    assert 1 / 3 < label["confidence"] < 1
    assert (answer["confidence_method"], answer["abstained"]) == ("likelihood", False)


def test_classify_by_log_probabilities_of_an_answer(embedded: httpx.Client) -> None:
    labels = [{"name": "complaint"}, {"name": "praise"}]
    body = {"text": "Thank you, the new lamp is wonderful!", "labels": labels, "prompt": "1.0.0"}
    answer = embedded.post("/v1/classify", json=body).json()
    (label,) = answer["labels"]
    assert label["name"] in {"complaint", "praise"}
    assert 0.5 <= label["confidence"] <= 1, "the likelier one of two"
    assert answer["confidence_method"] == "logprobs"


def test_generate(embedded: httpx.Client) -> None:
    body = {"instruction": "Write a short reminder.", "data": {"customer": "Maria Lopez"}, "max_words": 20}
    answer = embedded.post("/v1/generate", json=body).json()
    assert answer["text"]
    assert len(answer["text"].split()) <= 20


def test_a_text_beyond_the_context_is_refused_with_both_numbers(embedded: httpx.Client) -> None:
    problem = embedded.post("/v1/summarize", json={"text": "word " * 9000, "prompt": "1.0.0"}).json()
    assert problem["code"] == "context_exceeded"
    found = re.search(r"needs (\d+) tokens .* the model takes (\d+)\.", problem["detail"])
    assert found, problem["detail"]
    assert int(found[1]) > int(found[2]) == 8192


def test_requests_share_the_model(embedded: httpx.Client) -> None:
    bodies = [{"text": f"{TEXT} Note {number}.", "max_words": 20} for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda body: embedded.post("/v1/summarize", json=body), bodies))
    assert [answer.status_code for answer in answers] == [200] * 4


def test_a_crash_costs_one_try(embedded: httpx.Client, embedded_service: Service) -> None:
    (model,) = model_processes(embedded_service.process.pid)
    slow = {"text": TEXT * 20, "max_words": 500}
    with ThreadPoolExecutor(1) as pool:
        caught = pool.submit(embedded.post, "/v1/summarize", json=slow)
        time.sleep(1)
        os.kill(model, signal.SIGKILL)
        meta = caught.result().json()["meta"]
    assert [attempt["code"] for attempt in meta["attempts"]] == ["backend_unavailable"]
    answer = embedded.post("/v1/summarize", json={"text": TEXT, "max_words": 20})
    assert answer.status_code == 200, answer.text
    assert model_processes(embedded_service.process.pid) != [model]


def test_workers_share_one_model_and_stop_with_the_service() -> None:
    require_embedded()
    with serving("--workers", "2") as service, service.client() as client:
        assert len(model_processes(service.process.pid)) == 1
        assert client.post("/v1/summarize", json={"text": TEXT, "max_words": 10}).status_code == 200
        models = model_processes(service.process.pid)
        assert service.stop(signal.SIGTERM) == 0
    assert wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in models))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda how: how.name)
def test_the_model_stops_with_the_service_however_that_ends(how: signal.Signals) -> None:
    require_embedded()
    with serving() as service:
        models = model_processes(service.process.pid)
        code = service.stop(how)
    assert len(models) == 1
    assert code == (-signal.SIGKILL if how is signal.SIGKILL else 0)
    assert wait_until(lambda: not Path(f"/proc/{models[0]}").exists())
    assert "Traceback" not in "\n".join(service.log)
