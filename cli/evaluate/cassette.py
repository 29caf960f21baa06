"""`copydesk eval cassette`: look after recorded answers."""

import typer

__all__ = ["app"]

app = typer.Typer(help="Look after cassettes: files of recorded answers.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def cassettes() -> None:
    """Look after cassettes: files of recorded answers."""
