"""What schemathesis is told of this service, in its own process. It writes what it saw to the file FUZZ_REPORT."""

import atexit
import json
import os
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import schemathesis
from openapi_schema_validator import OAS30Validator

ALLOWED = {"output_invalid", "output_truncated", "deadline_exceeded"}
"""5xx that a request brings about by itself: a schema that no script can answer, a deadline of a millisecond."""
STREAM = "text/event-stream"

seen: Counter[str] = Counter()
document: dict[str, Any] = {}


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """Where the service takes more than its document says: null for what is optional, and items of any form, each of
    which gets a problem of its own. Events are checked one by one in here."""
    document.update(json.loads(json.dumps(raw_schema)))
    schemas = raw_schema["components"]["schemas"]
    for schema in schemas.values():
        if schema.get("additionalProperties") is False:
            for name, field in schema["properties"].items():
                if name not in schema.get("required", ()) and "default" not in field:
                    field["nullable"] = True
    for name, schema in schemas.items():
        if name.endswith("BatchRequest") or name == "JobRequest":
            schema["properties"]["items"]["items"] = {}
    for operation in (operation for path in raw_schema["paths"].values() for operation in path.values()):
        content = operation["responses"].get("200", {}).get("content", {})
        if STREAM in content:
            content[STREAM]["schema"] = {"type": "object", "required": ["event", "data", "id"]}


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """No request repeats another one's Idempotency-Key: else most would be told that they do."""
    headers = case.headers or {}
    key = next((name for name in headers if name.lower() == "idempotency-key"), None)
    if key is not None and headers[key]:
        case.headers[key] = f"{headers[key]}-{uuid.uuid4().hex}"


@schemathesis.check
def as_documented(context: Any, response: Any, case: Any) -> None:
    """Every response has its request id; a problem is one of those that its operation lists; 5xx are the request's."""
    operation = case.operation.definition.raw
    name = operation["operationId"]
    seen[f"{name} {response.status_code}"] += 1
    assert response.headers.get("x-request-id"), "without a request id"
    if response.headers.get("content-type", [""])[0].startswith(STREAM):
        _check_events(response.content.decode(), operation["responses"]["200"]["description"])
    if response.status_code < 400 or name == "readiness":
        return
    problem = response.json()
    code = problem["code"]
    seen[f"code {code}"] += 1
    assert problem["status"] == response.status_code, problem
    assert response.status_code < 500 or code in ALLOWED, problem
    assert response.status_code not in (429, 503) or "retry-after" in response.headers, problem
    if code != "method_not_allowed":
        listed = operation["responses"][f"{response.status_code // 100}XX"]["x-problem-codes"]
        assert code in listed, f"{code} is not listed"


def _check_events(text: str, about: str) -> None:
    """`delta` any number of times, then `done` or `error`; each one's data is of its schema."""
    done = about.partition("`done` (data: ")[2].partition(",")[0]
    events = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            events.append((lines["event"], json.loads(lines["data"])))
    names = [event for event, _ in events]
    assert names[-1] in ("done", "error"), names
    assert set(names[:-1]) <= {"delta"}, names
    for event, data in events:
        schema = {"delta": "Delta", "done": done, "error": "Problem"}[event]
        if schema in document["components"]["schemas"]:
            reference = {"$ref": f"#/components/schemas/{schema}", "components": document["components"]}
            OAS30Validator(reference).validate(data)
        seen[f"event {event}"] += 1


@atexit.register
def _report() -> None:
    path = os.environ.get("FUZZ_REPORT")
    if path:
        Path(path).write_text(json.dumps(dict(sorted(seen.items()))))
