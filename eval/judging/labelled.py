"""Pairs of answers that people labelled, one JSON object a line: eval/datasets/judge/README.md."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chains.errors import ConfigurationError
from eval.judging.pair import Pair, Preference

__all__ = ["LabelledPair", "load_labelled"]


class LabelledPair(BaseModel):
    """`better` is what people said, `why` in a few words; `trap` names what a weak judge falls for, if there is
    something. The two answers are called baseline and candidate as in a comparison, which says nothing of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1)
    language: str
    request: str
    text: str
    criterion: str
    baseline: str
    candidate: str
    better: Preference
    why: str
    trap: str | None = None

    def pair(self) -> Pair:
        """What the judge sees."""
        return Pair(self.id, self.request, self.text, self.criterion, self.baseline, self.candidate)


def load_labelled(folder: Path) -> list[LabelledPair]:
    """All pairs of a folder's `*.jsonl` files, in order. Raises ConfigurationError with file and line, and where there
    is none."""
    pairs: dict[str, LabelledPair] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
            if not line.strip():
                continue
            try:
                pair = LabelledPair.model_validate_json(line)
            except ValidationError as error:
                first = error.errors()[0]
                place = ".".join(map(str, first["loc"]))
                raise ConfigurationError(f"{path}:{number}: {place}: {first['msg']}") from error
            if pair.id in pairs:
                raise ConfigurationError(f"{path}:{number}: the id {pair.id!r} stands twice")
            pairs[pair.id] = pair
    if not pairs:
        raise ConfigurationError(f"{folder}: there are no labelled pairs: no *.jsonl file with a line")
    return list(pairs.values())
