"""The log line of a request: its fields, and how people read them."""

import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from app.telemetry.request_record import OK, UNMATCHED, RequestRecord

if TYPE_CHECKING:
    from chains.account import Account

__all__ = ["fields_of", "log_line", "log_unread", "words_of"]

_log = logging.getLogger("copydesk.access")

_METHOD = re.compile(r"[A-Z]{1,16}")
_FIXED = ("method", "path", "status", "duration_ms", "request_id", "operation")
# In the order of a line that people read; each under its field's name where nothing else is said.
_NAMES = {
    "prompt": "prompt",
    "digest": "digest",
    "label": "label",
    "backend": "backend",
    "model": "model",
    "input_tokens": "in",
    "cached_input_tokens": "cached",
    "output_tokens": "out",
    "model_calls": "calls",
}


def fields_of(record: RequestRecord) -> dict[str, Any]:
    """What the line says; what isn't known is left out. Nothing in it is a caller's text, but for ids.

    Milliseconds end in `_ms`. `items` are those of a batch, and the sums those of all of them; `failed_items` have a
    problem.
    """
    state, account = record.state, record.account
    method = record.method if _METHOD.fullmatch(record.method) else "-"
    fields: dict[str, Any] = {
        "method": method,
        "path": record.path,
        "status": record.status or None,
        "duration_ms": round(record.seconds() * 1000),
        "request_id": state.get("request_id", "-"),
        "operation": record.operation,
        "code": record.outcome,
    }
    if record.is_replay:
        fields["idempotency"] = "replayed"
    if account is not None:
        fields |= _of_tasks(record, account)
    elif (prompt := state.get("prompt")) is not None:
        fields |= {"prompt": prompt.name, "version": prompt.version, "digest": prompt.digest, "label": prompt.label}
    if record.batched:
        failed = sum(count for (_, code), count in record.batched.items() if code != OK)
        fields |= {"items": record.batched.total(), "failed_items": failed}
    first = record.first_piece
    fields |= {
        "ttft_ms": None if first is None else round(first * 1000),
        "key_id": getattr(state.get("caller"), "key_id", None),
        "trace_id": record.trace_id,
        "request_bytes": record.received,
        "response_bytes": record.sent,
    }
    return {name: value for name, value in fields.items() if value is not None or name in ("status", "label")}


def _of_tasks(record: RequestRecord, account: "Account") -> dict[str, Any]:
    """Which prompt and model answered is told where one task ran; of several, only what they have in common."""
    usage, prompt = record.usage or account.usage, account.prompt
    fields: dict[str, Any] = {"task": account.task}
    if record.items > 1 and not record.batched:
        fields["items"] = record.items
    if record.items == 1:
        fields |= {
            "prompt": prompt.name,
            "version": prompt.version,
            "digest": prompt.digest,
            "label": prompt.label,
            "backend": account.last[0] or None,
            "model": account.last[1] or None,
        }
    return fields | {
        "input_tokens": usage.input_tokens,
        "cached_input_tokens": usage.cached_input_tokens,
        "output_tokens": usage.output_tokens,
        "model_calls": usage.model_calls,
        "cache": account.cache.value if record.items == 1 else None,
        "queue_ms": record.queue_ms,
        "model_ms": record.model_ms,
    }


def log_line(fields: Mapping[str, Any]) -> None:
    """Write the line of a request. Where in the code it is written is of no use to anybody, and is not looked for."""
    if _log.isEnabledFor(logging.INFO):
        said = fields["method"], fields["path"], fields["status"]
        _log.handle(
            _log.makeRecord(_log.name, logging.INFO, __file__, 0, "%s %s %s", said, None, None, {"fields": fields})
        )


def log_unread(status: int, request_id: str, code: str) -> None:
    """Write the line of what was refused before it was a request."""
    nothing = {"method": "-", "path": "-", "status": status, "duration_ms": 0}
    log_line({**nothing, "request_id": request_id, "operation": UNMATCHED, "code": code})


def words_of(fields: Mapping[str, Any]) -> str:
    """The same on one line for people: `POST /v1/summarize 200 12 ms id=... prompt=summarize@1.3.0 ...`."""
    line = f"{fields['method']} {fields['path']} {fields['status'] or '-'} {fields['duration_ms']} ms"
    words = [line, f"id={fields['request_id']}"]
    for name, value in fields.items():
        if name in _FIXED or name == "version" or (name == "code" and value == OK):
            continue
        if name == "prompt":
            value = f"{value}@{fields['version']}"
        words.append(f"{_NAMES.get(name, name)}={'-' if value is None else value}")
    return " ".join(words)
