"""The `copydesk` command.

Exit codes: 0 done, 1 the model or the service failed, 2 usage, configuration or input is wrong.
"""

import sys
from importlib.metadata import version as version_of

import typer

from chains.errors import ConfigurationError, CopydeskError, InvalidInput, NotFoundError, PromptError, PromptSetError
from cli import backends, config, evaluate, keys, prompts, run, serve, usage

__all__ = ["main"]

_YOUR_FAULT = (ConfigurationError, InvalidInput, NotFoundError, PromptError, PromptSetError)

app = typer.Typer(
    help="Summaries, rewrites, entities, classes and generated text from language models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
app.command()(serve.serve)
app.command()(run.run)
app.command()(usage.usage)
app.add_typer(config.app, name="config")
app.add_typer(keys.app, name="keys")
app.add_typer(prompts.app, name="prompts")
app.add_typer(backends.app, name="backends")
app.add_typer(evaluate.app, name="eval")


@app.command()
def version() -> None:
    """Print the versions of Copydesk and of what it stands on."""
    print(f"copydesk {version_of('copydesk')}")
    print(f"python {sys.version.split()[0]}")
    for package in ("langchain-core", "fastapi", "pydantic", "uvicorn"):
        print(f"{package} {version_of(package)}")


def main() -> None:
    """Run the command; errors become one message on stderr and an exit code."""
    try:
        app()
    except CopydeskError as error:
        for line in str(error).splitlines():
            print(f"copydesk: {line}", file=sys.stderr)
        sys.exit(2 if isinstance(error, _YOUR_FAULT) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


if __name__ == "__main__":
    main()
