"""What callers use: the JDK's own HTTP client, and people's browsers."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import Service, program, wait_until

pytestmark = pytest.mark.e2e


JAVA = Path(__file__).with_name("java")


def in_java(program_file: str, *arguments: str) -> list[str]:
    """The lines that a Java program prints."""
    command = [program("java", "openjdk-17-jdk-headless"), str(JAVA / program_file), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("characters", "in_turn", "at_once"),
    [
        pytest.param(50, 20, 0, id="small, on one connection"),
        pytest.param(50, 0, 32, id="small, at once"),
        pytest.param(2_000_000, 2, 8, id="2 MB, in turn and at once"),
    ],
)
def test_the_default_client_of_the_jdk_is_served(
    scripted_service: Service, characters: int, in_turn: int, at_once: int
) -> None:
    """It prefers HTTP/2, and asks for it with an Upgrade that must cost no body."""
    answers = in_java("JdkClient.java", scripted_service.url, str(characters), str(in_turn), str(at_once))
    assert len(answers) == in_turn + at_once
    assert [answer for answer in answers if not answer.startswith("200 HTTP_1_1 {")] == []
    assert [answer for answer in answers if "A short answer." not in answer] == []


def test_the_default_client_of_the_jdk_reads_a_stream(scripted_service: Service) -> None:
    status, *lines = in_java("JdkStream.java", scripted_service.url, "x", "stay")
    assert status.startswith("200 text/event-stream")
    events = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    assert events == ["delta", "delta", "delta", "done"]
    assert [line for line in lines if line.startswith("id: ")] == ["id: 1", "id: 2", "id: 3", "id: 4"]


def test_a_stream_that_java_closes_is_over_here(scripted_service: Service) -> None:
    assert "event: delta" in in_java("JdkStream.java", scripted_service.url, "at length", "leave")
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
