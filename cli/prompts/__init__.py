"""`copydesk prompts`: author, compare, release and promote prompts, on files alone.

Exit codes: 0 done, 1 something is wrong with the prompts or stands against the step, 2 the call is wrong.
"""

import typer

from cli.prompts import check, difference, export, impact, lint, listing, promote, release, rendering, trial

__all__ = ["app"]

app = typer.Typer(
    help="Author, compare, release and promote prompts, on files alone.", no_args_is_help=True, rich_markup_mode=None
)
app.command("list")(listing.listing)
app.command()(lint.lint)
app.command()(check.check)
app.command()(rendering.render)
app.command("diff")(difference.difference)
app.command()(impact.impact)
app.command("try")(trial.trial)
app.command()(export.export)
app.command()(release.release)
app.command()(promote.promote)
app.command()(promote.rollback)
