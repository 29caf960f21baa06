"""The `copydesk` command.

Exit codes: 0 done, 1 the model or the service failed, 2 usage, configuration or input is wrong.
"""

import sys
from importlib import import_module
from importlib.metadata import version as version_of
from typing import Any

import typer

from chains.errors import ConfigurationError, CopydeskError, InvalidInput, NotFoundError, PromptError, PromptSetError

__all__ = ["main"]

_YOUR_FAULT = (ConfigurationError, InvalidInput, NotFoundError, PromptError, PromptSetError)
_MODULES = {
    "serve": "cli.serve",
    "run": "cli.run",
    "usage": "cli.usage",
    "config": "cli.config",
    "keys": "cli.keys",
    "prompts": "cli.prompts",
    "backends": "cli.backends",
    "eval": "cli.evaluate",
}
"""Where each command is: a function of its name, or a group of commands named `app`."""


def commands(first: str | None = None) -> typer.Typer:
    """The whole command line; where it begins with the `first` word, no other command's module is imported."""
    app = typer.Typer(
        help="Summaries, rewrites, entities, classes and generated text from language models.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        rich_markup_mode=None,
    )
    for name in [first] if first in _MODULES else _MODULES:
        module = import_module(_MODULES[name])
        if group := getattr(module, "app", None):
            app.add_typer(group, name=name)
        else:
            app.command()(getattr(module, name))
    app.command()(version)
    return app


def __getattr__(name: str) -> Any:
    if name == "app":
        return commands()
    raise AttributeError(f"{__name__} has no {name}")


def version() -> None:
    """Print the versions of Copydesk and of what it stands on."""
    print(f"copydesk {version_of('copydesk')}")
    print(f"python {sys.version.split()[0]}")
    for package in ("langchain-core", "fastapi", "pydantic", "uvicorn"):
        print(f"{package} {version_of(package)}")


def main() -> None:
    """Run the command; errors become one message on stderr and an exit code."""
    try:
        commands(sys.argv[1] if len(sys.argv) > 1 else None)()
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
