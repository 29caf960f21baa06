"""What each kind cannot do, and why: the holes in the table, each with a name.

`python -m tests.backends.conformance.cannot` prints them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.backends.conformance.fault_rows import FAULT_ROWS

__all__ = ["CANNOT", "Cannot"]


@dataclass(frozen=True, slots=True)
class Cannot:
    """`raises` is the error for whoever asks for it all the same. It is None where nobody can: for a situation that
    the kind never meets, and for an ability whose protocol its chat model doesn't have."""

    reason: str
    raises: type[Exception] | None = None


_NO_ADDRESS = Cannot("it has no address: its model's process listens on a Unix socket of this machine")
_NO_SERVER = Cannot("it has no server: a script names its errors itself")
_NO_GUARD = Cannot("its servers have no repeat guard")
_NO_SCORES = Cannot("the server's API gives no likelihood of an answer that it didn't write")
_NO_TOKENIZER = Cannot("the server's API has no tokenizer: prompts are sized by an estimate that learns from usage")
_ALWAYS_LOADED = Cannot("the model is loaded before the server takes requests")
_NO_PULL = Cannot("its server downloads no model on request")
_NO_MODEL = Cannot("it asks no server: what went wrong when it was recorded is not among its recordings")
_AT_ONCE = Cannot("it answers at once: there is nothing to cancel")
_NO_SLOTS = Cannot("the server doesn't tell how many requests it works on at once")

CANNOT: Mapping[str, Mapping[str, Cannot]] = {
    "embedded": {
        "unknown_host": _NO_ADDRESS,
        "no_tls": _NO_ADDRESS,
        "connect_timeout": Cannot("a Unix socket takes a connection at once or refuses it"),
        "repeat_guard": _NO_GUARD,
        "Warms": _ALWAYS_LOADED,
        "Pulls": _NO_PULL,
    },
    "langchain": {
        "repeat_guard": _NO_GUARD,
        "ScoresContinuations": _NO_SCORES,
        "CountsTokens": Cannot(
            "the packages count by downloads or by rules of thumb: prompts are sized by an estimate"
        ),
        "TellsSlots": _NO_SLOTS,
        "Warms": _ALWAYS_LOADED,
        "Pulls": _NO_PULL,
    },
    "ollama": {
        "many_alternatives": Cannot("the server reports at most 20 alternatives beside a token", ValueError),
        "ScoresContinuations": _NO_SCORES,
        "CountsTokens": _NO_TOKENIZER,
        "TellsSlots": _NO_SLOTS,
    },
    "openai": {
        "repeat_guard": _NO_GUARD,
        "ScoresContinuations": _NO_SCORES,
        "Warms": _ALWAYS_LOADED,
        "Pulls": _NO_PULL,
    },
    "replay": {
        **{row: _NO_MODEL for row in FAULT_ROWS if row != "too_long_for_the_server"},
        "control_strings": Cannot("it reads no prompt: it looks for its hash"),
        "cancelled_invoke": _AT_ONCE,
        "cancelled_stream": _AT_ONCE,
        "Closes": Cannot("it holds no connection, and no file"),
        "Warms": Cannot("there is nothing to load"),
        "Pulls": _NO_PULL,
        "TellsSlots": _NO_SLOTS,
    },
    "scripted": {
        "connection_refused": _NO_SERVER,
        "unknown_host": _NO_SERVER,
        "no_tls": _NO_SERVER,
        "connect_timeout": _NO_SERVER,
        "wrong_content_type": _NO_SERVER,
        "repeat_guard": _NO_SERVER,
        "control_strings": Cannot("it has no tokenizer, so no text is a control token"),
        "Closes": Cannot("it holds no connection"),
        "Pulls": _NO_PULL,
    },
}


def main() -> None:
    for kind, holes in CANNOT.items():
        print(f"\n{kind}")
        for row, hole in holes.items():
            print(f"  {row}: {hole.reason}")


if __name__ == "__main__":
    main()
