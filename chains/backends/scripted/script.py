"""The script: its lines, which of them serves a request, and what it then says."""

import json
import math
import random
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError, model_validator

from chains.errors import (
    BackendBusy,
    BackendError,
    BackendProtocolError,
    BackendRejected,
    BackendTimeout,
    BackendUnavailable,
    ConfigurationError,
)
from chains.strict_yaml import YamlError, load_yaml

__all__ = ["Failure", "Script", "ScriptedAnswer", "read_script", "token_logprob", "words"]

# A token's likelihood stays above a third, so that no alternative's is larger.
_LEAST_LOGPROB = -1.0
_STEPS = 1000


class Failure(str, Enum):
    UNAVAILABLE = "unavailable"
    BUSY = "busy"
    TIMEOUT = "timeout"
    REJECTED = "rejected"
    PROTOCOL = "protocol"


_FAILURES: dict[Failure, type[BackendError]] = {
    Failure.UNAVAILABLE: BackendUnavailable,
    Failure.BUSY: BackendBusy,
    Failure.TIMEOUT: BackendTimeout,
    Failure.REJECTED: BackendRejected,
    Failure.PROTOCOL: BackendProtocolError,
}


class ScriptedAnswer(BaseModel):
    """One line of the script, as the package's docstring shows them. `cut_off` ends the answer as a cap would."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: str = ""
    answer: JsonValue = ""
    delay_ms: int = Field(default=0, ge=0)
    token_ms: float = Field(default=0, ge=0)
    cut_off: bool = False
    fail: Failure | None = None
    retry_after_s: float | None = Field(default=None, ge=0)
    fail_after: int | None = Field(default=None, ge=0)
    stall_after: int | None = Field(default=None, ge=0)
    end_early: int | None = Field(default=None, ge=0)
    times: int | None = Field(default=None, ge=1)
    chance: float = Field(default=1, ge=0, le=1)
    scores: dict[str, Annotated[float, Field(le=0)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_fault(self) -> "ScriptedAnswer":
        if self.fail is None and (self.fail_after is not None or self.retry_after_s is not None):
            raise ValueError("fail_after and retry_after_s need fail: name the failure")
        if sum(fault is not None for fault in (self.fail, self.stall_after, self.end_early)) > 1:
            raise ValueError("give one of fail, stall_after and end_early")
        return self

    @property
    def text(self) -> str:
        return self.answer if isinstance(self.answer, str) else json.dumps(self.answer, ensure_ascii=False)

    @property
    def fault_after(self) -> int | None:
        """After how many tokens the answer breaks; None where it doesn't."""
        faults = (self.fail_after, self.stall_after, self.end_early)
        return next((after for after in faults if after is not None), None)

    def failure(self, backend: str) -> BackendError:
        """The error of a line that fails."""
        assert self.fail is not None
        kind = _FAILURES[self.fail]
        return kind("failed as its script says", backend=backend, retry_after_s=self.retry_after_s)

    def said(self, stop: Sequence[str], max_tokens: int | None) -> tuple[list[str], str]:
        """The answer's tokens under a call's limits, and its finish reason."""
        found = [at for mark in stop if mark and (at := self.text.find(mark)) >= 0]
        tokens = words(self.text[: min(found)] if found else self.text)
        if max_tokens is not None and len(tokens) > max_tokens:
            return tokens[:max_tokens], "length"
        return tokens, "length" if self.cut_off and not found else "stop"

    def score(self, continuation: str) -> float:
        """The logarithm of a continuation's likelihood: as the script says, else by its letters."""
        if continuation in self.scores:
            return self.scores[continuation]
        return sum((_logprob(token) for token in words(continuation)), 0.0)

    def canonical(self) -> dict[str, Any]:
        """What tells this line from others, the same whether a default is written or not."""
        shown = self.model_dump(mode="json")
        always = ("when", "answer", "delay_ms", "cut_off", "fail")
        given = self.model_dump(mode="json", exclude_defaults=True)
        return {name: value for name, value in shown.items() if name in always or name in given}


class Script:
    """A script that is being played: it counts what it gave and throws the dice."""

    def __init__(self, lines: Sequence[ScriptedAnswer], seed: int) -> None:
        self._lines = lines
        self._given: Counter[int] = Counter()
        self._dice = [random.Random(f"{seed}:{place}") for place in range(len(lines))]  # noqa: S311 - no secret

    def line(self, said: str) -> ScriptedAnswer | None:
        """The line that serves a request whose last user message is `said`; None where none fits."""
        for place, line in enumerate(self._lines):
            if line.when in said and self._serves(place, line):
                self._given[place] += 1
                return line
        return None

    def _serves(self, place: int, line: ScriptedAnswer) -> bool:
        if line.times is not None and self._given[place] >= line.times:
            return False
        return line.chance == 1 or self._dice[place].random() < line.chance


def read_script(path: Path) -> tuple[ScriptedAnswer, ...]:
    """A script from a YAML file. Raises ConfigurationError, with every wrong place."""
    try:
        loaded = load_yaml(path.read_text(encoding="utf-8"))
        return TypeAdapter(tuple[ScriptedAnswer, ...]).validate_python(loaded)
    except (OSError, UnicodeDecodeError, YamlError) as error:
        raise ConfigurationError(f"{path}: the script cannot be read: {error}") from error
    except ValidationError as error:
        places = (f"{path}: answer {'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ConfigurationError(*places) from error


def words(text: str) -> list[str]:
    """The tokens of a text: words, each with the white space before it, the last also with that behind it."""
    return re.findall(r"\s*\S+(?:\s+\Z)?|\s+\Z", text)


def token_logprob(token: str, alternatives: int) -> dict[str, Any]:
    """A token's logprob in the form of all our chat models, always the same for the same letters; -1 to 0.

    The most likely alternative is the token itself; the others, which no text holds, share the rest.
    """
    logprob = _logprob(token)
    rest = 1 - math.exp(logprob)
    others = [{"token": f"{token}~{n}", "logprob": math.log(rest / 2**n)} for n in range(1, alternatives)]
    top = [{"token": token, "logprob": logprob}, *others] if alternatives else []
    return {"token": token, "logprob": logprob, "top_logprobs": top}


def _logprob(token: str) -> float:
    return _LEAST_LOGPROB * (zlib.crc32(token.encode()) % _STEPS + 1) / (_STEPS + 1)
