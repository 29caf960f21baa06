"""`copydesk prompts impact`: what an edit of a file would change."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chains.errors import InvalidInput
from cli.prompts.display import identity, labels_of, print_table, state_of, table
from cli.prompts.options import AsJson, PromptDir, folder_of, print_json

if TYPE_CHECKING:
    from chains.prompts import PromptSet

__all__ = ["impact"]

_SHARED = ("partials", "schemas")


def impact(
    path: Annotated[
        str,
        typer.Argument(
            help="A template, partial, few-shot file or schema: below the prompt folder, or from where you are.",
            metavar="PATH",
        ),
    ],
    dir: PromptDir = None,
    as_json: AsJson = False,
) -> None:
    """List the versions that a file shapes.

    Also those that it reaches through partials which include it, and through helper prompts.

    Example: copydesk prompts impact partials/grounding-1.j2
    """
    from chains.prompts import load_prompt_set
    from chains.prompts.dependencies import dependents

    prompts = load_prompt_set(folder_of(dir))
    file = _within(prompts, path)
    found = dependents(prompts, file)
    if as_json:
        versions = [{**identity(prompts, d.prompt), "through": [str(helper) for helper in d.through]} for d in found]
        print_json({"file": file, "versions": versions})
        return
    if not found:
        print(f"No version depends on {file}.")
        return
    shown = table("prompt", "version", "state", "labels", *(["through"] if any(d.through for d in found) else []))
    for dependent in found:
        prompt = dependent.prompt
        labels = ", ".join(labels_of(prompts, prompt)) or "-"
        through = ", ".join(f"uses {helper}" for helper in dependent.through)
        shown.add_row(*[prompt.name, prompt.version, state_of(prompts, prompt), labels, through][: len(shown.columns)])
    print_table(shown)


def _within(prompts: "PromptSet", path: str) -> str:
    """The path below the prompt folder. Raises InvalidInput, which says what there is, where it is no file of it."""
    root = prompts.folder.resolve()
    try:
        candidates = [(start / path).resolve() for start in (root, Path.cwd())]
        found = next((file for file in candidates if file.is_file() and file.is_relative_to(root)), None)
    except (OSError, ValueError):  # a name that no file can have
        found = None
    if found is not None:
        return found.relative_to(root).as_posix()
    raise InvalidInput(_no_such_file(prompts, root, path))


def _no_such_file(prompts: "PromptSet", root: Path, path: str) -> str:
    from chains.prompts.dependencies import shaping_files

    known = {file for prompt in prompts for file in shaping_files(prompts.folder, prompt)}
    known |= {file.relative_to(root).as_posix() for shared in _SHARED for file in root.glob(f"{shared}/[!.]*")}
    templates = {prompt.ingredients.source.path.relative_to(prompts.folder).as_posix() for prompt in prompts}
    near = difflib.get_close_matches(path, sorted(known), 1, 0.5)
    asked = f" Did you mean {near[0]}?" if near else ""
    there = "".join(f"\n  {file}" for file in sorted(known - templates))
    names = ", ".join(prompts.names)
    return f"There is no file {path!r} in {prompts.folder}.{asked} There are NAME/VERSION.j2 of the prompts {names}" + (
        f", and:{there}" if there else "."
    )
