"""`copydesk prompts list`: every prompt and version, and what serves."""

from typing import Annotated

import typer

from cli.prompts.display import identity, labels_of, print_table, short_digest, state_of, table
from cli.prompts.options import AsJson, PromptDir, folder_of, print_json

__all__ = ["listing"]


def listing(
    name: Annotated[str | None, typer.Argument(help="Only this prompt.", metavar="NAME")] = None,
    dir: PromptDir = None,
    as_json: AsJson = False,
) -> None:
    """List the prompts, versions and labels.

    The newest version comes first. A draft is not in prompts.lock; an edited version is, but its files have changed
    since.

    Example: copydesk prompts list summarize
    """
    from chains.prompts import load_prompt_set

    prompts = load_prompt_set(folder_of(dir))
    names = prompts.names if name is None else (name,)
    versions = [prompt for each in names for prompt in reversed(prompts.versions(each))]
    if as_json:
        print_json([{**identity(prompts, p), "description": p.description, "changelog": p.changelog} for p in versions])
        return
    shown = table("prompt", "version", "state", "labels", "digest", "changelog")
    for column in shown.columns[:-1]:
        column.no_wrap = True
    for prompt in versions:
        labels = ", ".join(labels_of(prompts, prompt)) or "-"
        changelog = " ".join(prompt.changelog.split())
        state, digest = state_of(prompts, prompt), short_digest(prompt.digest)
        shown.add_row(prompt.name, prompt.version, state, labels, digest, changelog)
    print_table(shown)
