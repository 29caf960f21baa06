"""Public cases, read from a folder that the caller names: they are no part of the project."""

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chains.errors import ConfigurationError

__all__ = ["UPSTREAM", "PublicCase", "PublicInput", "label_set", "load_cases", "sampled"]

UPSTREAM: Mapping[str, str] = {
    "classify_banking77": "PolyAI-LDN/task-specific-datasets @ 57ec275, banking_data/test.csv",
    "classify_nlupp_multilabel": "PolyAI-LDN/task-specific-datasets @ 57ec275, nlupp/data",
    "extract_pii_presidio": "microsoft/presidio-research @ 7622dec, data/synth_dataset_v2.json",
    "extract_wnut17": "leondz/emerging_entities_17 @ e52a2d2, emerging.test.annotated",
    "generate_ifeval": "google-research/google-research, instruction_following_eval/data/input_data.jsonl",
    "rewrite_conciseness": "google-research-datasets/wiki-conciseness-dataset @ 68e74f3",
    "rewrite_disflqa": "google-research-datasets/Disfl-QA @ 1f0c161, test.json",
    "summarize_mtsdialog_short": "abachaa/MTS-Dialog @ 3ff0801, Main-Dataset",
    "summarize_qmsum_long": "Yale-LILY/QMSum @ 83d7768, data/ALL",
}
"""The sets that are measured, each with the repository, commit and file that it was made from."""


class PublicInput(BaseModel):
    model_config = ConfigDict(frozen=True)

    text: str
    params: dict[str, Any] = Field(default_factory=dict)


class PublicCase(BaseModel):
    """One case of a public set; offsets in `expected` are Unicode code points."""

    model_config = ConfigDict(frozen=True)

    id: str
    task: str
    input: PublicInput
    expected: dict[str, Any]

    @property
    def text(self) -> str:
        return self.input.text


def load_cases(folder: Path, name: str) -> list[PublicCase]:
    """All cases of the set, in the order of its file. Raises ConfigurationError, which names folder and upstream."""
    path = folder / f"{name}.jsonl"
    cases = []
    for number, line in enumerate(_read(path).splitlines(), 1):
        try:
            cases.append(PublicCase.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise ConfigurationError(f"{path}:{number}: {place}: {first['msg']}") from error
    return cases


def label_set(folder: Path, name: str) -> dict[str, str]:
    """The labels of a set in the folder's labels.json, each with its description or an empty string."""
    path = folder / "labels.json"
    try:
        found = json.loads(_read(path))[name]
    except (ValueError, KeyError) as error:
        raise ConfigurationError(f"{path}: holds no label set {name!r}") from error
    return dict(found) if isinstance(found, dict) else dict.fromkeys(found, "")


def sampled(cases: Sequence[PublicCase], count: int, seed: int) -> list[PublicCase]:
    """`count` cases drawn without repetition, the same for the same seed; all of them, shuffled, where there are fewer.
    A larger count begins with the cases of a smaller one."""
    order = list(cases)
    random.Random(seed).shuffle(order)
    return order[:count]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        upstream = UPSTREAM.get(path.stem, "the same sources as the cases")
        raise ConfigurationError(
            f"{path}: cannot be read ({error.strerror}). Give the folder of public cases by --data DIR or "
            f"COPYDESK_DATA_DIR; the file is made from {upstream}, one case a line: "
            "{id, task, input: {text, params}, expected}"
        ) from error
