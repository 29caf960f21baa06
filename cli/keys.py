"""`copydesk keys`: who may call the service. Works on the database alone, also beside a running service."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.settings import load_settings
from chains.errors import InvalidInput
from cli.options import ConfigFile
from cli.prompts.display import print_table, table
from cli.prompts.options import AsJson, print_json

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from app.keys.record import KeyRecord

__all__ = ["app", "create", "listing", "revoke", "rotate"]

app = typer.Typer(help="Create, list, revoke and rotate API keys.", no_args_is_help=True, rich_markup_mode=None)

KeyId = Annotated[str, typer.Argument(help="The key's id, as `copydesk keys list` shows it.", metavar="ID")]
Duration = Annotated[str | None, typer.Option(metavar="DURATION", help="As in 30m, 12h, 90d.")]

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@app.command()
def create(
    name: Annotated[str, typer.Option(help="What the key is for: the calling application.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="What it may do; may be given again. Default: tasks.", metavar="SCOPE")
    ] = None,
    requests_per_minute: Annotated[int | None, typer.Option(min=1, max=1_000_000, help="Every POST counts.")] = None,
    tokens_per_minute: Annotated[
        int | None, typer.Option(min=1, max=1_000_000_000, help="In and out; counted when they are spent.")
    ] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, max=100_000, help="Requests that run at once.")] = None,
    monthly_tokens: Annotated[
        int | None, typer.Option(min=1, max=10**15, help="Budget of a calendar month (UTC).")
    ] = None,
    monthly_usd: Annotated[float | None, typer.Option(min=0, max=1e9, help="The same in US dollars.")] = None,
    expires_in: Duration = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Create a key, and print it: this once, since only a hash of it is kept. A running service takes it at once.

    Example: copydesk keys create --name orders --requests-per-minute 600 --expires-in 90d
    """
    from app.caller import CallerLimits
    from app.keys.record import KeyRecord
    from app.keys.scopes import DEFAULT_SCOPES
    from app.keys.secret import digest, mint
    from app.keys.table import add
    from app.store import now_ms

    scopes = frozenset(scope or DEFAULT_SCOPES)
    _check(name, scopes)
    key, now = mint(), now_ms()
    limits = CallerLimits(requests_per_minute, tokens_per_minute, concurrency, monthly_tokens, monthly_usd)
    expires_at = None if expires_in is None else now + _milliseconds("--expires-in", expires_in)
    record = KeyRecord(key.id, name.strip(), digest(key.secret), scopes, now, limits, expires_at=expires_at)
    with _database(config) as connection:
        add(connection, record)
    _show(key.text(), record, as_json, f"The key {key.id} is made. It is shown this once: only a hash of it is kept.")


@app.command("list")
def listing(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """List all keys, with those that were revoked. No secret is shown: none is kept.

    Example: copydesk keys list
    """
    from app.keys.table import all_keys

    with _database(config) as connection:
        records = all_keys(connection)
    if as_json:
        print_json([_described(record) for record in records])
        return
    columns = table("id", "name", "state", "scopes", "limits", "created", "expires")
    for record in records:
        one = _described(record)
        limits = ", ".join(f"{limit} {value:g}" for limit, value in one["limits"].items())
        rest = " ".join(one["scopes"]), limits or "-", one["created_at"][:10], (one["expires_at"] or "never")[:10]
        columns.add_row(one["id"], one["name"], one["state"], *rest)
    print_table(columns)


@app.command()
def revoke(key_id: KeyId, config: ConfigFile = None) -> None:
    """End a key for good. Running services refuse it within `keys.refresh_s`.

    Example: copydesk keys revoke k3m9x0q2ab
    """
    from app.keys import table as keys
    from app.store import now_ms

    with _database(config) as connection:
        keys.revoke(connection, key_id, now_ms())
        is_last = all(record.revoked_at is not None for record in keys.all_keys(connection))
    print(f"The key {key_id} is revoked.")
    if is_last:
        print(
            "That was the last one. Without keys.first_key_file, a service on loopback now serves whoever is on its "
            "machine, and any other serves nobody.",
            file=sys.stderr,
        )


@app.command()
def rotate(
    key_id: KeyId,
    grace: Annotated[
        str | None, typer.Option(metavar="DURATION", help="How long the old secret holds still: 30m, 12h. Default: 0.")
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Give a key a new secret, and print the whole key this once. Its id, scopes, limits and usage stay.

    Example: copydesk keys rotate k3m9x0q2ab --grace 1h
    """
    from app.keys import table as keys
    from app.keys.secret import digest, mint
    from app.store import now_ms

    until = now_ms() + (0 if grace is None else _milliseconds("--grace", grace))
    key = mint(key_id)
    with _database(config) as connection:
        record = keys.rotate(connection, key_id, digest(key.secret), until)
    old = "The old secret holds no longer." if grace is None else f"The old secret holds until {_time(until)}."
    _show(key.text(), record, as_json, f"The key {key_id} has a new secret, shown this once. {old}")


@contextmanager
def _database(config: Path | None) -> Iterator["Connection"]:
    """A transaction on the configured database, which is upgraded before."""
    from app.store import Database
    from app.store.upgrade import upgrade

    database = Database(load_settings(config).database)
    try:
        upgrade(database)
        with database.transaction() as connection:
            yield connection
    finally:
        database.close()


def _show(key: str, record: "KeyRecord", as_json: bool, words: str) -> None:
    """The key alone on stdout, for whatever stores it; the words for people beside it."""
    if as_json:
        print_json({"key": key, **_described(record)})
        return
    print(key)
    print(words, file=sys.stderr)


def _check(name: str, scopes: frozenset[str]) -> None:
    from app.keys.scopes import scope_problems

    problems = scope_problems(sorted(scopes))
    problems += _unknown_tasks(scopes)
    if not 0 < len(name.strip()) <= 200:
        problems.append("--name: give it 1 to 200 characters")
    if problems:
        raise InvalidInput("\n".join(problems))


def _unknown_tasks(scopes: frozenset[str]) -> list[str]:
    """The tasks are a closed list, and a key for a misspelt one would be refused everywhere. Backends and labels differ
    from one configuration to the other."""
    named = sorted(scope.removeprefix("tasks:") for scope in scopes if scope.startswith("tasks:") and scope != "tasks:")
    if not named:
        return []
    from chains.tasks import load_tasks

    known = list(load_tasks())
    return [
        f"there is no task {name!r} for the scope tasks:{name}; the tasks are {', '.join(known)}"
        for name in named
        if name not in known
    ]


def _milliseconds(option: str, duration: str) -> int:
    found = re.fullmatch(r"([1-9]\d{0,5})([smhd])", duration)
    if found is None:
        raise InvalidInput(f"{option}: {duration!r} is no duration; write a number and s, m, h or d, as in 90d")
    return int(found[1]) * _UNITS_S[found[2]] * 1000


def _described(record: "KeyRecord") -> dict[str, Any]:
    """A key as JSON, without its hashes. Times are ISO 8601 in UTC."""
    from app.store import now_ms

    revoked = "revoked" if record.revoked_at is not None else "expired"
    return {
        "id": record.id,
        "name": record.name,
        "state": "active" if record.is_usable(now_ms()) else revoked,
        "scopes": sorted(record.scopes),
        "limits": {name: value for name, value in asdict(record.limits).items() if value is not None},
        "created_at": _time(record.created_at),
        "expires_at": None if record.expires_at is None else _time(record.expires_at),
        "old_secret_until": None if record.previous_until is None else _time(record.previous_until),
        "revoked_at": None if record.revoked_at is None else _time(record.revoked_at),
    }


def _time(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat(timespec="seconds")
