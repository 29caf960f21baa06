"""How a log record is written: JSON for machines, or a line for people. Either way one record can't pass for two."""

import json
import logging
import re
import time
from typing import Any

from app.telemetry.access_line import words_of
from app.telemetry.request_record import current_record
from app.telemetry.secrets import Secrets
from app.telemetry.tracebacks import traceback_of

__all__ = ["JsonFormatter", "TextFormatter", "plain"]

# What moves a cursor, ends a line, or turns the direction of writing.
_UNSAFE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_CONTINUED = "\n    | "

_encode = json.JSONEncoder(separators=(",", ":"), default=str).encode


def plain(text: str) -> str:
    """The text with its control characters written out: `\\x1b`. Line feeds stay."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


class _Formatter(logging.Formatter):
    def __init__(self, secrets: Secrets, *, texts: bool) -> None:
        super().__init__()
        self._secrets = secrets
        self._texts = texts

    def _traceback(self, record: logging.LogRecord) -> str | None:
        if record.exc_info and record.exc_info[1] is not None:
            return traceback_of(record.exc_info[1], texts=self._texts)
        return None


class JsonFormatter(_Formatter):
    """One JSON object a line, in ASCII: `time` (ISO 8601, UTC), `level`, `logger`, `message`, and what else is known:
    the fields of a request's line, else the `request_id` and the `trace_id` of the request that it is about;
    `exception` with a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        said |= _request_of() if fields is None else fields
        if (exception := self._traceback(record)) is not None:
            said["exception"] = exception
        line = _encode(said)
        if not self._secrets.may_be_in(line):
            return line
        hidden = {name: self._secrets.hide(value) if isinstance(value, str) else value for name, value in said.items()}
        return _encode(hidden)


def _request_of() -> dict[str, Any]:
    record = current_record()
    if record is None:
        return {}
    found = {"request_id": record.state.get("request_id"), "trace_id": record.trace_id}
    return {name: value for name, value in found.items() if value is not None}


class TextFormatter(_Formatter):
    """A line that people read. What follows a record's first line is indented behind a bar."""

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", None)
        said = record.getMessage() if fields is None else words_of(fields)
        when = f"{self.formatTime(record, '%Y-%m-%d %H:%M:%S')},{int(record.msecs):03d}"
        line = plain(self._secrets.hide(f"{when} {record.levelname:<7} {record.name}: {said}"))
        if (exception := self._traceback(record)) is not None:
            line += "\n" + plain(self._secrets.hide(exception))
        return line.replace("\n", _CONTINUED)
