"""`copydesk usage`: what requests cost, from the service's database, also beside a running service."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.settings import Settings, load_settings
from chains.errors import ConfigurationError, InvalidInput
from cli.options import ConfigFile
from cli.prompts.display import print_table, table
from cli.prompts.options import AsJson

if TYPE_CHECKING:
    from app.usage.contract import UsageGroup, UsageReport, UsageSums
    from app.usage.report import UsageQuery

__all__ = ["usage"]

_AMOUNTS = ("requests", "calls", "input", "cached", "output", "cost in $", "Wh", "water in ml")


def usage(
    first: Annotated[
        str | None, typer.Option("--from", help="The first day (UTC); else the first of the month.", metavar="DAY")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last day; else today.", metavar="DAY")] = None,
    by: Annotated[
        str, typer.Option(help="What sums are told apart by: day, key, task, prompt, version, backend, model, code.")
    ] = "day,task",
    key: Annotated[str | None, typer.Option(help="Only what this key used.", metavar="ID")] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Tell what requests cost: tokens, money by the price list, and estimates of energy and water.

    Example: copydesk usage --from 2026-11-01 --by task,model
    """
    from app.usage.report import query_of

    settings = load_settings(config)
    report = _read(settings, query_of(first, last, _groups(by), key))
    if as_json:
        print(report.model_dump_json(exclude_none=True, indent=2))
    else:
        _print(report)


def _groups(said: str) -> "list[UsageGroup]":
    from app.usage.contract import UsageGroup

    names = [name.strip() for name in said.split(",")]
    known = [group.value for group in UsageGroup]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InvalidInput(f"--by: there is no {unknown[0]!r}; name some of {', '.join(known)}, with commas between.")
    return [UsageGroup(name) for name in names]


def _read(settings: Settings, query: "UsageQuery") -> "UsageReport":
    """Raises ConfigurationError where there is no such database, or none of this version."""
    from app.store import Database
    from app.store.upgrade import newest, revision_of
    from app.usage.footprint import Footprint
    from app.usage.report import read_rows, report_of

    database = Database(settings.database)
    try:
        if database.is_sqlite and not Path(database.url.database or "").exists():
            raise ConfigurationError(f"database.url: there is no file {database.url.database}: no service used it yet.")
        revision = revision_of(database)
        if revision != newest():
            raise ConfigurationError(
                f"database.url: the database has the revision {revision}, and this version of Copydesk reads "
                f"{newest()}: start the service once, which upgrades it, or use the newer version."
            )
        with database.transaction() as connection:
            return report_of(query, read_rows(connection, query), Footprint(settings))
    finally:
        database.close()


def _print(report: "UsageReport") -> None:
    groups = [group.value for group in report.group_by]
    shown = table(*groups, *_AMOUNTS)
    for column in shown.columns[len(groups) :]:
        column.justify = "right"
    for row in report.rows:
        shown.add_row(*(getattr(row, name) or "-" for name in groups), *_amounts(row))
    shown.add_row("all", *[""] * (len(groups) - 1), *_amounts(report.totals))
    print_table(shown)
    estimates = report.estimates
    print(
        f"{report.first_day} to {report.last_day} (UTC). Wh and water are estimates: the truth may be between "
        f"{estimates.low_factor:g} and {estimates.high_factor:g} times as much (docs/footprint.md)."
    )
    if report.totals.unreported_calls:
        print(f"{report.totals.unreported_calls} calls broke off before their server told what they had cost.")


def _amounts(sums: "UsageSums") -> list[str]:
    counts = (sums.requests, sums.model_calls, sums.input_tokens, sums.cached_input_tokens, sums.output_tokens)
    return [*map(str, counts), f"{sums.cost_usd:.6f}", f"{sums.energy_wh:.3f}", f"{sums.water_ml:.3f}"]
