"""`copydesk eval`: whether a version is better, no worse, or not yet known.

Exit codes: 0 done, 1 regressed or damaged, 2 the call or the configuration is wrong, 3 inconclusive, 4 recordings are
missing.
"""

import typer

from cli.evaluate import cassette, compare, gate, judge, report, run

__all__ = ["app"]

app = typer.Typer(
    help="Tell whether a version is better, no worse, or not yet known.", no_args_is_help=True, rich_markup_mode=None
)
app.command()(run.run)
app.command()(compare.compare)
app.command()(gate.gate)
app.command()(judge.judge)
app.command()(report.report)
app.add_typer(cassette.app, name="cassette")
