"""What an Ollama server says of itself and of one model."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chains.backends.single_flight import SingleFlight
from chains.backends.watched import token_count

__all__ = ["FactsMemory", "ServerFacts", "allocated", "trained"]

_REFUSES_SINCE = (0, 12, 6)
_UNNUMBERED = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """`version` is empty where the server doesn't tell. `trained` are the tokens of context that the model was made
    for, `allocated` those of the loaded model, None where nobody says or none is loaded."""

    version: str
    capabilities: tuple[str, ...]
    trained: int | None
    allocated: int | None

    @property
    def cuts_in_silence(self) -> bool:
        """Whether the server is older than 0.12.6, which brought `truncate: false` to /api/chat."""
        found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", self.version)
        number = tuple(int(part) for part in found.groups()) if found else _UNNUMBERED
        return _UNNUMBERED < number < _REFUSES_SINCE

    def context(self, num_ctx: int | None) -> int | None:
        """The tokens of prompt and answer together, where requests ask for `num_ctx`: Ollama gives no more than the
        model was trained for."""
        known = [limit for limit in (num_ctx or self.allocated, self.trained) if limit]
        return min(known) if known else None


@dataclass(slots=True)
class FactsMemory:
    """What the server said of itself, `until` when that holds (time.monotonic), and the question on its way."""

    facts: ServerFacts | None = None
    until: float = 0.0
    asking: SingleFlight[ServerFacts] = field(default_factory=SingleFlight)


def trained(model_info: Mapping[str, Any] | None) -> int | None:
    """`<architecture>.context_length` of /api/show."""
    info = model_info or {}
    found = info.get(f"{info.get('general.architecture')}.context_length")
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else None


def allocated(models: Sequence[Mapping[str, Any]], name: str) -> int | None:
    """`context_length` of /api/ps for the model, 0 where it is loaded but the server doesn't say; None where it isn't
    loaded. A name without a tag means `latest`. Raises ValueError for a context that is no number of tokens."""
    full = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
    for model in models:
        if str(model.get("model") or model.get("name")).lower() == full.lower():
            return token_count(model.get("context_length") or 0)
    return None
