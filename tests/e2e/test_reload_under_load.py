"""A hundred edits, good and bad, land while two workers serve: no request fails, and none sees a half-loaded set.

An author edits the folder and records every state of it that is good; callers record every answer. Afterwards each
answer must be one that some good state gives.
"""

import json
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import pytest

from chains.errors import PromptSetError
from chains.prompts import PromptSet, load_served_set
from chains.tasks import load_tasks
from tests.conftest import Service, scripted_configuration, serving, wait_until
from tests.prompt_folder import PromptFolder

pytestmark = pytest.mark.e2e

INPUTS = {"text": "T"}
DRAFT, PAIR = "summarize@9.0.0", ("pair_a@1.0.0", "pair_b@1.0.0")
PARTIAL = "partials/a.j2"
RELEASED = ("1.0.0", "1.1.0", "1.2.0")
CALLERS, RATE_OF_ONE, LEAST_RATE = 8, 9, 50
REQUESTS_A_CONNECTION = 20
CONVERGED_S = 60.0

Messages = list[tuple[str, str]]
Content = dict[str, tuple[Any, Any]]


@dataclass
class Author:
    """Edits the folder behind the link. `sets` is what /v1/prompts may say, by digest; `editions` what a version may
    render, by name, version and digest."""

    link: Path
    dice: random.Random
    sets: dict[str, Content] = field(default_factory=dict)
    editions: dict[tuple[str, str, str], Messages] = field(default_factory=dict)
    count: int = 0
    refused: int = 0
    last: str = ""

    @property
    def folder(self) -> PromptFolder:
        return PromptFolder(self.link)

    def record(self) -> None:
        """The folder as it is now, if it may serve."""
        try:
            prompts = load_served_set(self.link, load_tasks())
        except PromptSetError:
            self.refused += 1
            return
        self.last = prompts.digest
        self.sets[prompts.digest] = content(prompts)
        for prompt in prompts:
            if prompt.required == {"text"}:
                messages = prompt.invoke(INPUTS).to_messages()
                key = prompt.name, prompt.version, prompt.digest
                self.editions[key] = [("user", str(message.text)) for message in messages]

    def body(self) -> str:
        self.count += 1
        return f"user:\nEdit {self.count}: {{{{ text }}}}\n"

    def move_label(self) -> None:
        self.folder.label({"summarize": {"production": self.dice.choice(RELEASED)}})

    def set_canary(self) -> None:
        canary = {"version": self.dice.choice(RELEASED), "percent": self.dice.randint(1, 100)}
        self.folder.label({"summarize": {"production": self.dice.choice(RELEASED), "canary": canary}})

    def edit_draft(self) -> None:
        self.folder.write(DRAFT, self.body())

    def release_and_retire(self) -> None:
        key = "rewrite@1.1.0"
        self.folder.write(key, self.body())
        self.record()
        self.folder.release(key)
        self.record()
        self.folder.unrelease(key)
        self.record()
        self.folder.file(key).unlink()

    def switch_folder(self) -> None:
        """Both prompts of the pair are edited together, in one step."""
        self.count += 1
        target = self.link.resolve().with_name(f"state-{self.count}")
        shutil.copytree(self.link.resolve(), target)
        for key in PAIR:
            PromptFolder(target).write(key, f"user:\nTogether {self.count}: {{{{ text }}}}\n")
        new = self.link.with_name("new")
        new.symlink_to(target)
        new.replace(self.link)

    @contextmanager
    def _broken(self, path: Path) -> Iterator[None]:
        """Give the edit time to be seen, then undo it."""
        before = path.read_text()
        yield
        self.record()
        time.sleep(self.dice.uniform(0, 0.25))
        path.write_text(before)

    def break_draft(self) -> None:
        with self._broken(self.folder.file(DRAFT)):
            self.folder.write(DRAFT, "user:\n{{ text\n")

    def break_partial(self) -> None:
        path = self.link / PARTIAL
        with self._broken(path):
            path.write_text("{% if %}\n")

    def write_half(self) -> None:
        path = self.folder.file(DRAFT)
        with self._broken(path):
            text = path.read_text()
            path.write_text(text[: self.dice.randrange(len(text))])

    def edit_released(self) -> None:
        with self._broken(self.folder.file("summarize@1.0.0")):
            self.folder.write("summarize@1.0.0", self.body())

    def break_labels(self) -> None:
        with self._broken(self.link / "labels.yaml"):
            (self.link / "labels.yaml").write_text("summarize: {production: 1.1.0\n")

    def label_nothing(self) -> None:
        with self._broken(self.link / "labels.yaml"):
            self.folder.label({"summarize": {"production": "7.7.7"}})

    def lose_lock(self) -> None:
        with self._broken(self.link / "prompts.lock"):
            (self.link / "prompts.lock").unlink()


EDITS: list[Callable[[Author], None]] = [
    Author.move_label,
    Author.break_draft,
    Author.edit_draft,
    Author.edit_released,
    Author.switch_folder,
    Author.break_labels,
    Author.set_canary,
    Author.write_half,
    Author.break_partial,
    Author.release_and_retire,
    Author.label_nothing,
    Author.switch_folder,
    Author.lose_lock,
]


def content(prompts: PromptSet) -> Content:
    """What a set must look like from outside, by the prompt's name: its labels and its versions."""
    return {
        name: (
            {label: target.version for label, target in prompts.labels.get(name, {}).items()},
            [(p.version, p.digest, "released" if prompts.is_released(p) else "draft") for p in prompts.versions(name)],
        )
        for name in prompts.names
    }


def listed(answer: dict[str, Any]) -> Content:
    return {
        prompt["name"]: (
            {label["label"]: label["version"] for label in prompt["labels"]},
            [(version["version"], version["digest"], version["status"]) for version in prompt["versions"]],
        )
        for prompt in answer["prompts"]
    }


@dataclass
class Load:
    """Callers that each send RATE_OF_ONE requests a second, on ever new connections, until they are stopped."""

    service: Service
    over: threading.Event = field(default_factory=threading.Event)
    answers: list[tuple[str, int, Any]] = field(default_factory=list)

    def has(self, answers: int) -> bool:
        return len(self.answers) >= answers

    def call(self, number: int) -> None:
        due = time.monotonic() + number / CALLERS / RATE_OF_ONE
        while not self.over.is_set():
            with self.service.client() as http:
                for _ in range(REQUESTS_A_CONNECTION):
                    time.sleep(max(0.0, due - time.monotonic()))
                    if self.over.is_set():
                        return
                    due += 1 / RATE_OF_ONE
                    number += 1
                    kind, response = _request(http, number)
                    self.answers.append((kind, response.status_code, response.json()))


def _request(http: httpx.Client, number: int) -> tuple[str, httpx.Response]:
    def render(name: str, **choice: str) -> httpx.Response:
        return http.post(f"/v1/prompts/{name}/render", json={"inputs": INPUTS, **choice})

    match number % 8:
        case 0:
            return "list", http.get("/v1/prompts")
        case 1:
            return "render", render("summarize")
        case 2:
            return "render", render("summarize", version="9.0.0")
        case 3:
            return "render", render(f"pair_{'ab'[number // 8 % 2]}", version="1.0.0")
        case 4:
            return "task", http.post("/v1/summarize", json={**INPUTS, "prompt": "9.0.0"})
        case 5:
            return "task", http.post("/v1/rewrite", json={**INPUTS, "style": "formal"})
        case 6:
            return "list", http.get("/v1/prompts")
        case _:
            return "task", http.post("/v1/summarize", json={**INPUTS, "session": f"session {number}"})


@contextmanager
def under_load(service: Service) -> Iterator[Load]:
    load = Load(service)
    with ThreadPoolExecutor(CALLERS) as pool:
        calling = [pool.submit(load.call, number) for number in range(CALLERS)]
        try:
            yield load
        finally:
            load.over.set()
        for one in calling:
            one.result()


@pytest.fixture
def author(tmp_path: Path) -> Author:
    folder = PromptFolder.new(tmp_path / "state-0")
    (folder.path / PARTIAL).parent.mkdir()
    (folder.path / PARTIAL).write_text("Shared.\n")
    include = f'{{% include "{PARTIAL}" %}}'
    folder.write("classify@1.0.0", f"system:\n{include}\nuser:\n{include} {{{{ text }}}}\n")
    folder.release("classify@1.0.0")
    for version in RELEASED[1:]:
        folder.write(f"summarize@{version}")
    folder.release(*(f"summarize@{version}" for version in RELEASED[1:]))
    for key in (DRAFT, *PAIR):
        folder.write(key, "user:\nEdit 0: {{ text }}\n")
    link = tmp_path / "prompts"
    link.symlink_to("state-0")
    return Author(link, random.Random(3))


def edit_under_load(author: Author, service: Service, edits: int, seconds: float) -> tuple[Load, float]:
    """Make the edits, evenly over the seconds, or over as many more as a busy machine needs for LEAST_RATE; return what
    was answered, and the requests for each of the seconds."""
    author.record()
    with under_load(service) as load:
        start = time.monotonic()
        for number in range(edits):
            EDITS[number % len(EDITS)](author)
            author.record()
            due = start + (number + 1) * seconds / edits
            time.sleep(max(0.0, due - time.monotonic()))
            assert wait_until(partial(load.has, round((number + 1) * seconds / edits * LEAST_RATE)))
        rate = len(load.answers) / seconds
        author.edit_draft()
        author.record()
        assert converged(service, author.last), f"not all workers serve {author.last}"
    return load, rate


def converged(service: Service, digest: str) -> bool:
    """Whether, CONVERGED_S from now at the latest, forty new connections in a row all find the set."""
    deadline = time.monotonic() + CONVERGED_S
    found: set[str] = set()
    while time.monotonic() < deadline and found != {digest}:
        time.sleep(0.05)
        found = {_digest_by_new_connection(service) for _ in range(40)}
    return found == {digest}


def _digest_by_new_connection(service: Service) -> str:
    """Without httpx, whose new clients cost more than the request."""
    connection = HTTPConnection(service.url.removeprefix("http://"), timeout=60)
    try:
        connection.request("GET", "/v1/prompts")
        found: str = json.loads(connection.getresponse().read())["digest"]
        return found
    finally:
        connection.close()


def is_known(author: Author, kind: str, answer: Any) -> bool:
    """Whether some good state of the folder gives this answer."""
    if kind == "list":
        return author.sets.get(answer["digest"]) == listed(answer)
    prompt = answer["prompt"] if kind == "render" else answer["meta"]["prompt"]
    known = author.editions.get((prompt["name"], prompt["version"], prompt["digest"]))
    if kind == "task":
        return known is not None
    return [(message["role"], message["content"]) for message in answer["messages"]] == known


@pytest.mark.parametrize(
    ("edits", "seconds"),
    [
        pytest.param(100, 25, id="a hundred edits"),
        pytest.param(600, 120, id="six hundred edits", marks=pytest.mark.soak),
    ],
)
def test_no_request_fails_or_sees_half_a_set(author: Author, tmp_path: Path, edits: int, seconds: float) -> None:
    environment = {"COPYDESK_PROMPTS__DIR": str(author.link), "COPYDESK_PROMPTS__ALLOW_DRAFTS": "true"}
    arguments = "--workers", "2", "--config", str(scripted_configuration(tmp_path))
    with serving(*arguments, environment=environment) as service:
        load, rate = edit_under_load(author, service, edits, seconds)
    assert [answer for answer in load.answers if answer[1] != 200] == []
    assert [answer for kind, _, answer in load.answers if not is_known(author, kind, answer)] == []
    assert rate >= LEAST_RATE
    assert author.refused >= edits / 4
    seen = {answer["digest"] for kind, _, answer in load.answers if kind == "list"}
    assert len(seen) >= edits / 5, "the edits must have been served meanwhile"
    assert any("last_error" in answer for kind, _, answer in load.answers if kind == "list")
    told = "\n".join(line for line in service.log if "copydesk.access" not in line)
    assert "Traceback" not in told, told
