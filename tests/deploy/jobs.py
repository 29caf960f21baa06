"""Jobs as an application sees them."""

from typing import Any

import httpx

from tests.conftest import wait_until

__all__ = ["REWRITE", "counts_of", "finished", "submitted"]

REWRITE = {"text": "gimme the report", "style": "formal"}


def submitted(client: httpx.Client, items: int) -> str:
    body = {"task": "rewrite", "items": [{**REWRITE, "audience": f"reader {number}"} for number in range(items)]}
    answer = client.post("/v1/jobs", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def counts_of(client: httpx.Client, job_id: str) -> dict[str, int]:
    counts: dict[str, int] = client.get(f"/v1/jobs/{job_id}").json()["counts"]
    return counts


def finished(client: httpx.Client, job_id: str, seconds: float = 120) -> list[dict[str, Any]]:
    """The job's results, once it has succeeded, in the order of its items."""

    def status() -> str:
        return str(client.get(f"/v1/jobs/{job_id}").json()["status"])

    assert wait_until(lambda: status() == "succeeded", seconds), client.get(f"/v1/jobs/{job_id}").text
    found: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        page = client.get(f"/v1/jobs/{job_id}/results", params={"after": after, "limit": 1000}).json()
        found += page["results"]
        after = page.get("next")
    return sorted(found, key=lambda entry: int(entry["index"]))
