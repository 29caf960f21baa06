"""What the tests of prompts share: a folder with one prompt, written and loaded or refused."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pytest

from chains.errors import PromptSetError
from chains.prompts import PromptSet, load_prompt_set

FRONT = """---
description: A test
changelog: First
inputs:
  text: {type: string}
  tone: {enum: [dry, warm], default: dry}
---
"""


class Load(Protocol):
    """Writes `demo@1.0.0` and the files given by path, and loads the folder. Front matter begins on line 1, and the
    body after the common front matter on line 8."""

    def __call__(
        self, body: str = ..., *, front: str = ..., keys: str = ..., files: Mapping[str, str] = ...
    ) -> PromptSet: ...


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def write(
        body: str = "user:\n{{ text }}\n", *, front: str = FRONT, keys: str = "", files: Mapping[str, str] | None = None
    ) -> PromptSet:
        front = front.replace("inputs:", keys + "inputs:", 1)
        for name, text in {"demo/1.0.0.j2": front + body, **(files or {})}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-8", "surrogateescape"))
        return load_prompt_set(tmp_path)

    return write


def refusal(load: Load, *arguments: str, **keywords: object) -> str:
    """What is told of a folder that is refused, which must not take long."""
    start = time.process_time()
    with pytest.raises(PromptSetError) as caught:
        load(*arguments, **keywords)  # type: ignore[arg-type]
    assert time.process_time() - start < 1
    return str(caught.value)
