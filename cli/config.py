"""`copydesk config`: what is configured, and whether it can work."""

import typer
import yaml

from app.settings import load_settings
from cli.options import ConfigFile

__all__ = ["app", "check", "show"]

app = typer.Typer(help="Show or check the configuration.", no_args_is_help=True)


@app.command()
def show(config: ConfigFile = None) -> None:
    """Print the whole configuration that is in force, as YAML: file, environment and defaults merged."""
    settings = load_settings(config)
    print(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False, allow_unicode=True), end="")


@app.command()
def check(config: ConfigFile = None) -> None:
    """Check the configuration, the prompts and the routes without starting anything. Lists every problem."""
    from app.composition import build_runner, prompt_folder
    from app.keys import check_settings

    settings = load_settings(config)
    check_settings(settings)
    runner = build_runner(settings)
    prompts = ", ".join(f"{name}@{runner.prompt(name).version}" for name in runner.tasks)
    print("The configuration is good.")
    print(f"prompts: {prompts} (from {prompt_folder(settings.prompts)})")
    print(f"backends: {', '.join(f'{name} ({backend.kind})' for name, backend in settings.backends.items())}")
