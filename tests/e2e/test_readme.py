"""What the README shows: its curl commands work and answer in the shape that stands below them."""

import json
import re
import subprocess
from typing import Any

import httpx
import pytest

from tests.conftest import ROOT, Service, program

pytestmark = pytest.mark.e2e

README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```sh\n(curl (?:(?!```).)*)```\n```json\n(.*?)```", README, re.DOTALL)


def task(command: str) -> str:
    found = re.search(r"/v1/(\w+)", command)
    assert found
    return found[1]


def shape(value: Any) -> Any:
    """What stays the same whatever the model says: keys and types."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return type(value)


def test_the_readme_shows_every_task(embedded: httpx.Client) -> None:
    tasks = {one["name"] for one in embedded.get("/v1/tasks").json()["tasks"]}
    assert {task(command) for command, _ in EXAMPLES} == tasks


@pytest.mark.parametrize(("command", "shown"), [pytest.param(*one, id=task(one[0])) for one in EXAMPLES])
def test_an_example_answers_as_shown(embedded_service: Service, command: str, shown: str) -> None:
    here = command.replace("curl http://127.0.0.1:8080", f"{program('curl', 'curl')} -s {embedded_service.url}")
    done = subprocess.run(["bash", "-c", here], capture_output=True, text=True, check=True)
    answer, expected = json.loads(done.stdout), json.loads(shown)
    if "meta" not in expected:
        answer.pop("meta", None)
    assert shape(answer) == shape(expected)


def test_the_stream_begins_as_shown(embedded_service: Service) -> None:
    found = re.search(r"```sh\n(curl -N .*?)```\n```\n(.*?)```", README, re.DOTALL)
    assert found
    here = found[1].replace("curl -N http://127.0.0.1:8080", f"{program('curl', 'curl')} -sN {embedded_service.url}")
    done = subprocess.run(["bash", "-c", here], capture_output=True, text=True, check=True)
    shown = [line.partition(":")[0] for line in found[2].splitlines()]
    assert [line.partition(":")[0] for line in done.stdout.splitlines()[:3]] == shown
    assert "\nevent: done\n" in done.stdout


def test_the_job_ends_as_shown(embedded_service: Service) -> None:
    found = re.search(r"```sh\n(job=(?:(?!```).)*)```", README, re.DOTALL)
    assert found
    here = found[1].replace("http://127.0.0.1:8080", f"-s {embedded_service.url}")
    ended = f'until curl -s {embedded_service.url}/v1/jobs/$job | grep -q \'"status":"succeeded"\'; do sleep 0.5; done'
    submit, results = here.split("curl", 2)[1], here.rpartition("curl")[2]
    script = f"job=$(curl{submit}\n{ended}\ncurl{results}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=120)
    labels = [item["result"]["labels"][0]["name"] for item in json.loads(done.stdout)["results"]]
    assert set(labels) <= {"delivery", "billing"}
    assert len(labels) == 2


def test_its_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if not link.startswith("http")]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_its_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?:^|`)make (\w+)", README, re.MULTILINE))
    assert targets
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []
