"""`copydesk prompts release`: a draft becomes a version that never changes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.prompts.inputs import PromptOrVersion, one_version
from cli.prompts.options import AsJson, PromptDir, dir_option, own_folder_of, print_json
from cli.prompts.refusal import refusals

if TYPE_CHECKING:
    from chains.prompts.lifecycle.releasing import Release

__all__ = ["release"]


def release(
    name: PromptOrVersion,
    version: Annotated[
        str | None, typer.Argument(help="The draft: the name of its file without .j2.", metavar="VERSION")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be done, and write nothing.")] = False,
    dir: PromptDir = None,
    as_json: AsJson = False,
) -> None:
    """Release a draft: from then on it never changes.

    The draft is checked, and compared with the release before it; it is refused where its number claims less than
    what changed. Its digest is written to prompts.lock, which is for git.

    Example: copydesk prompts release summarize 1.1.0
    """
    from chains.prompts.lifecycle.releasing import plan_release
    from chains.prompts.lifecycle.releasing import release as release_version
    from chains.tasks import load_tasks

    step = plan_release if dry_run else release_version
    name, version = one_version(name, version)
    folder = own_folder_of(dir)
    with refusals(as_json):
        done = step(folder, name, version, load_tasks())
    if as_json:
        print_json({**_as_json(done), "dry_run": dry_run})
    else:
        print("\n".join(_lines(done, dry_run, folder, dir)))


def _lines(done: "Release", dry_run: bool, folder: Path, dir: Path | None) -> list[str]:
    prompt, base = done.prompt, done.base
    lines = [f"{prompt} {'could be' if dry_run else 'is'} released: {prompt.digest}"]
    if base is None:
        lines.append("It is the first release of its prompt, so there is nothing to compare it with.")
    else:
        lines.append(f"Compared with {base}: needs {done.required.name}, claims {done.claimed.name}.")
        lines += [f"  {change.bump.name:<5} {change.place}: {change.message}" for change in done.changes]
    if dry_run:
        return [*lines, "Nothing was written (--dry-run)."]
    return [
        *lines,
        "Its file, and every file that it shares, never changes from now on: prompts.lock is for git.",
        f"Written: {folder / 'prompts.lock'}",
        f"Next: evaluate it, then copydesk prompts promote {prompt.name} {prompt.version}{dir_option(dir)}",
    ]


def _as_json(done: "Release") -> dict[str, Any]:
    compared = done.base is not None
    return {
        "name": done.prompt.name,
        "version": done.prompt.version,
        "digest": done.prompt.digest,
        "base": done.base.version if done.base else None,
        "required": done.required.name if compared else None,
        "claimed": done.claimed.name if compared else None,
        "changes": [{"bump": c.bump.name, "place": c.place, "message": c.message} for c in done.changes],
    }
