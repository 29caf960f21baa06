"""`copydesk eval`: whether a version is better, no worse, or not yet known.

Exit codes: 0 done, 1 regressed or damaged, 2 the call or the configuration is wrong, 3 inconclusive, 4 recordings are
missing.
"""

import typer

from cli.evaluate import cassette
from cli.evaluate.compare import compare
from cli.evaluate.gate import gate
from cli.evaluate.judge import judge
from cli.evaluate.report import report
from cli.evaluate.run import run

__all__ = ["app"]

app = typer.Typer(
    help="Tell whether a version is better, no worse, or not yet known.", no_args_is_help=True, rich_markup_mode=None
)
app.command()(run)
app.command()(compare)
app.command()(gate)
app.command()(judge)
app.command()(report)
app.add_typer(cassette.app, name="cassette")
