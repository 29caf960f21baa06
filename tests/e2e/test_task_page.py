"""docs/tasks.md: every request on it still answers in the shape that stands below it."""

import json
import re

import httpx
import pytest
import yaml

from tests.conftest import ROOT
from tests.e2e.test_readme import shape

pytestmark = pytest.mark.e2e

PAGE = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
SECTIONS = yaml.safe_load((ROOT / "docs" / "examples" / "tasks.yaml").read_text(encoding="utf-8"))
EXAMPLES = re.findall(r"`POST (\S+)`\n\n```json\n(.*?)\n```\n\n```json\n(.*?)\n```", PAGE, re.DOTALL)


def test_it_is_made_of_its_examples() -> None:
    asked = [(one["path"], one["request"]) for section in SECTIONS for one in section.get("examples", ())]
    assert [(path, json.loads(request)) for path, request, _ in EXAMPLES] == asked


@pytest.mark.parametrize(
    ("path", "request_", "shown"),
    [pytest.param(*one, id=f"{number} {one[0]}") for number, one in enumerate(EXAMPLES)],
)
def test_an_example_answers_as_shown(embedded: httpx.Client, path: str, request_: str, shown: str) -> None:
    answer, expected = embedded.post(path, json=json.loads(request_)).json(), json.loads(shown)
    for differs in ("meta", "request_id"):
        answer.pop(differs, None)
    if "status" in expected:
        assert answer == expected
    else:
        assert shape(answer).keys() == shape(expected).keys()
