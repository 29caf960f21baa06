"""`copydesk prompts`: author, compare, release and promote prompts, on files alone.

Exit codes: 0 done, 1 something is wrong with the prompts or stands against the step, 2 the call is wrong.
"""

import typer

__all__ = ["app"]

app = typer.Typer(
    help="Author, compare, release and promote prompts, on files alone.", no_args_is_help=True, rich_markup_mode=None
)
