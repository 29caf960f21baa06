"""How records are written: one record is one line, or a line and what stands behind a bar."""

import json
import logging
import sys
from typing import Any

import pytest

from app.telemetry.formats import JsonFormatter, TextFormatter
from app.telemetry.secrets import HIDDEN, Secrets
from app.telemetry.tracebacks import traceback_of
from chains.errors import BackendUnavailable

FORGED = "2026-01-01 00:00:00,000 INFO    copydesk.access: POST /v1/summarize 200 1 ms id=forged"
FIELDS = {"method": "GET", "path": "/readyz", "status": 200, "duration_ms": 1, "request_id": "a", "code": "ok"}


def record(message: str, *arguments: Any, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord(
        "copydesk.test", logging.WARNING, __file__, 1, message, arguments, extra.pop("error", None)
    )
    made.__dict__.update(extra)
    return made


def as_json(made: logging.LogRecord, texts: bool = False) -> dict[str, Any]:
    line = JsonFormatter(Secrets(["hush-hush"]), texts=texts).format(made)
    assert line.isascii()
    assert line.isprintable()
    found: dict[str, Any] = json.loads(line)
    return found


def as_text(made: logging.LogRecord, texts: bool = False) -> list[str]:
    return TextFormatter(Secrets(["hush-hush"]), texts=texts).format(made).split("\n")


ATTACKS = [
    pytest.param(f"a\n{FORGED}", id="line feed"),
    pytest.param(f"a\r\n{FORGED}", id="carriage return and line feed"),
    pytest.param(f"a\r{FORGED}", id="carriage return"),
    pytest.param(f"a\x1b[2K\x1b[1G{FORGED}", id="ANSI escapes erase the line"),
    pytest.param(f"a\x9b2K{FORGED}", id="a control sequence of one character"),
    pytest.param(f"a\x85{FORGED}", id="next line"),
    pytest.param(f"a\u2028{FORGED}", id="line separator"),
    pytest.param(f"a\x0b{FORGED}\x0c", id="vertical tab and form feed"),
    pytest.param(f"a\x08\x08\x7f{FORGED}", id="backspaces"),
    pytest.param(f"a\u202e{FORGED}", id="right-to-left override"),
    pytest.param(f"a\x00\ud800{FORGED}", id="NUL and half a character"),
    pytest.param(f'a","level":"INFO","message":"{FORGED}', id="quotes"),
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_text_passes_for_another_record(attack: str) -> None:
    made = record("%s", attack)
    assert as_json(made)["message"] == attack
    first, *rest = as_text(made)
    assert first.split(" ")[3:5] == ["copydesk.test:", first.split(" ")[4]]
    assert first.startswith("20")
    assert all(line.startswith("    | ") for line in rest)
    assert "".join([first, *rest]).isprintable()
    assert FORGED.split(" ", 1)[1] not in {line.split(" ", 1)[1] for line in (first, *rest)}


@pytest.mark.parametrize("attack", ATTACKS)
def test_nor_does_a_field(attack: str) -> None:
    made = record("x", fields={**FIELDS, "model": attack})
    assert as_json(made)["model"] == attack
    first, *rest = as_text(made)
    assert first.startswith("20")
    assert all(line.startswith("    | ") for line in rest)


def test_json_has_the_time_in_utc_and_the_level() -> None:
    made = record("it is %d", 5)
    made.created, made.msecs = 1_796_023_707.25, 250.0
    assert as_json(made) == {
        "time": "2026-11-30T07:28:27.250Z",
        "level": "WARNING",
        "logger": "copydesk.test",
        "message": "it is 5",
    }


def test_text_is_a_line_for_people() -> None:
    (line,) = as_text(record("x", fields={**FIELDS, "prompt": "summarize", "version": "1.0.0", "label": None}))
    assert line.endswith("WARNING copydesk.test: GET /readyz 200 1 ms id=a prompt=summarize@1.0.0 label=-")


def raised(error: BaseException) -> Any:
    try:
        raise error
    except BaseException:
        return sys.exc_info()


def test_a_traceback_says_where_and_not_with_what() -> None:
    made = record("unforeseen", error=raised(ValueError("invalid literal: 'a very secret text'")))
    for said in (json.dumps(as_json(made)), "\n".join(as_text(made))):
        assert "ValueError (its message may quote a text: logging.texts shows it)" in said
        assert "Traceback" in said
        assert "secret" not in said.replace("very secret text'\")))", "")  # the line of this file that raises it
    assert "invalid literal: 'a very secret text'" in as_json(made, texts=True)["exception"].splitlines()[-1]


def test_messages_that_speak_of_code_are_shown_with_their_causes() -> None:
    try:
        try:
            raise OSError(111, "Connection refused")
        except OSError as error:
            raise BackendUnavailable("nothing answers", backend="gpu", original=error) from error
    except BackendUnavailable as error:
        said = traceback_of(error, texts=False)
    assert "ConnectionRefusedError: [Errno 111] Connection refused" in said
    assert said.endswith("chains.errors.BackendUnavailable: Backend 'gpu': nothing answers")
    assert said.count("Traceback (most recent call last)") == 2


def test_groups_and_endless_causes_come_to_an_end() -> None:
    first = ValueError("0")
    error: Exception = first
    for number in range(50):
        following = ValueError(str(number))
        following.__cause__ = error
        error = following
    said = traceback_of(ExceptionGroup("two", [error, KeyError("quoted")]), texts=False)
    assert said.count("Traceback") <= 15
    assert "further causes are left out" in said
    assert "quoted" not in said


@pytest.mark.parametrize(
    ("said", "left"),
    [
        pytest.param("the value is hush-hush.", f"the value is {HIDDEN}.", id="a value of the configuration"),
        pytest.param("postgresql://me:pass@db/x", f"postgresql://{HIDDEN}@db/x", id="a password in a URL"),
        pytest.param("redis://:p4ss@r:1/0 is down", f"redis://{HIDDEN}@r:1/0 is down", id="a password alone"),
        pytest.param("http://host/a@b", "http://host/a@b", id="no password"),
        pytest.param("Authorization: Bearer abc.def-ghi", f"Authorization: Bearer {HIDDEN}", id="a bearer token"),
        pytest.param("Basic dXNlcjpwYXNz", f"Basic {HIDDEN}", id="a basic header"),
        pytest.param("cdk_app1_" + "k" * 43, HIDDEN, id="a key of ours"),
        pytest.param("cdk_app1", "cdk_app1", id="the id of a key"),
    ],
)
def test_secrets_are_hidden_wherever_they_stand(said: str, left: str) -> None:
    made = record("%s", said)
    assert as_json(made)["message"] == left
    assert as_text(made)[0].endswith(left)
    within = record("x", fields={**FIELDS, "model": said})
    assert as_json(within)["model"] == left
    raising = record("x", error=raised(OSError(said)))
    assert as_json(raising)["exception"].endswith(f"OSError: {left}")
