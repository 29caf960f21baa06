"""What callers use: the JDK's own HTTP client, and people's browsers."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import Service, program, wait_until

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("characters", [50, 2_000_000], ids=["small", "2 MB"])
def test_the_default_client_of_the_jdk_is_served(scripted_service: Service, characters: int) -> None:
    java = program("java", "openjdk-17-jdk-headless")
    source = Path(__file__).with_name("JdkClient.java")
    command = [java, str(source), scripted_service.url, str(characters)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    answers = done.stdout.splitlines()
    assert len(answers) == 2, done.stderr
    assert all(answer.startswith("200 HTTP_1_1") and "A short answer." in answer for answer in answers), answers


def stream_in_java(service: Service, text: str, how: str) -> list[str]:
    source = Path(__file__).with_name("JdkStream.java")
    command = [program("java", "openjdk-17-jdk-headless"), str(source), service.url, text, how]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_default_client_of_the_jdk_reads_a_stream(scripted_service: Service) -> None:
    status, *lines = stream_in_java(scripted_service, "x", "stay")
    assert status.startswith("200 text/event-stream")
    events = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    assert events == ["delta", "delta", "delta", "done"]
    assert [line for line in lines if line.startswith("id: ")] == ["id: 1", "id: 2", "id: 3", "id: 4"]


def test_a_stream_that_java_closes_is_over_here(scripted_service: Service) -> None:
    assert "event: delta" in stream_in_java(scripted_service, "at length", "leave")
    gone = "id=jdk-leave code=caller_gone"
    assert wait_until(lambda: any(gone in line for line in scripted_service.log))


@pytest.fixture
def page() -> Iterator[Any]:
    """A page of the system's Chromium; the test fails on whatever the page asks of another host."""
    from playwright.sync_api import sync_playwright

    executable = program("chromium", "chromium")
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=quiet)
        yield browser.new_page()
        browser.close()


def test_the_documentation_works_in_a_browser_without_the_network(page: Any, scripted_service: Service) -> None:
    asked: list[str] = []
    failures: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(scripted_service.url + "/docs")
    page.get_by_text("Summarize a text", exact=True).click()
    page.get_by_role("button", name="Execute").click()
    page.get_by_text('"summary": "A short answer."').first.wait_for(timeout=20_000)
    assert [url for url in asked if not url.startswith((scripted_service.url, "data:"))] == []
    assert failures == []


def test_a_problem_leads_to_its_explanation(page: Any, scripted_service: Service, scripted: httpx.Client) -> None:
    problem = scripted.post("/v1/summarize", json={}).json()
    page.goto(scripted_service.url + problem["type"])
    assert page.locator("section:target h2").inner_text() == "invalid_request"
