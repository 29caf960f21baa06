"""The log line of a request: its fields, and how people read them."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from app.telemetry.request_record import OK, RequestRecord

if TYPE_CHECKING:
    from chains.account import Account

__all__ = ["fields_of", "words_of"]

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

    Milliseconds end in `_ms`. `items` is there where more than one task ran for the request, and the sums are those of
    all of them.
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
    if state.get("replayed"):
        fields["idempotency"] = "replayed"
    if account is not None:
        fields |= _of_tasks(record, account)
    elif (prompt := state.get("prompt")) is not None:
        fields |= {"prompt": prompt.name, "version": prompt.version, "digest": prompt.digest, "label": prompt.label}
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
    if record.items == 1:
        fields |= {
            "prompt": prompt.name,
            "version": prompt.version,
            "digest": prompt.digest,
            "label": prompt.label,
            "backend": account.last[0] or None,
            "model": account.last[1] or None,
        }
    else:
        fields["items"] = record.items
    return fields | {
        "input_tokens": usage.input_tokens,
        "cached_input_tokens": usage.cached_input_tokens,
        "output_tokens": usage.output_tokens,
        "model_calls": usage.model_calls,
        "cache": account.cache.value if record.items == 1 else None,
        "queue_ms": record.queue_ms,
        "model_ms": record.model_ms,
    }


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
