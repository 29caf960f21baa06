"""`copydesk backends`: which model servers there are, what they lack, and how to get it.

Exit codes: 0 done, 1 a backend isn't usable or failed, 2 the call or the configuration is wrong.
"""

import typer

from cli.backends import check, listing, pull, warm

__all__ = ["app"]

app = typer.Typer(
    help="List, check, download and load the models behind the service.", no_args_is_help=True, rich_markup_mode=None
)
app.command("list")(listing.listing)
app.command()(check.check)
app.command()(pull.pull)
app.command()(warm.warm)
