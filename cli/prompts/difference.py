"""`copydesk prompts diff`: what changed between two versions, and which bump it needs."""

import difflib
import re
from itertools import zip_longest
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from cli.prompts.display import identity, note, print_rule, print_table, table
from cli.prompts.inputs import PromptOrVersion, chosen, split_versions
from cli.prompts.options import AsJson, PromptDir, folder_of, print_json
from cli.prompts.side_by_side import print_case

if TYPE_CHECKING:
    from chains.prompts import PromptSet, PromptVersion
    from chains.prompts.comparison.changes import Comparison

__all__ = ["difference"]

_STYLES = {"+": "green", "-": "red", "@": "cyan", "\\": "dim"}
_NUMBERED = re.compile(r"[-_.]?\d+$")


def difference(
    name: PromptOrVersion,
    before: Annotated[str, typer.Argument(help="A version or a label.", metavar="A")],
    after: Annotated[
        str | None, typer.Argument(help="The version or label to compare it with, also a draft.", metavar="B")
    ] = None,
    dir: PromptDir = None,
    as_json: AsJson = False,
) -> None:
    """Compare two versions and say which bump it needs.

    Shows their files, schemas and golden cases as rendered: what differs, and why it needs that bump.

    Example: copydesk prompts diff summarize production 1.1.0
    """
    from chains.prompts import load_prompt_set
    from chains.prompts.comparison.changes import compare

    name, versions = split_versions(name, before, after)
    if len(versions) != 2:
        said = "Missing argument 'B'" if len(versions) < 2 else f"{len(versions)} versions"
        raise typer.BadParameter(f"{said}: give NAME A B or NAME@A B")
    prompts = load_prompt_set(folder_of(dir))
    old, new = (chosen(prompts, name, wanted).prompt for wanted in versions)
    comparison = compare(old, new, prompts.cases(name))
    files = _files(prompts, old, new)
    if as_json:
        print_json(_as_json(prompts, comparison, files))
        return
    print(f"{old} ({note(prompts, old)}) -> {new} ({note(prompts, new)})")
    _print_files(files)
    _print_cases(comparison)
    _print_bump(comparison)


def _files(prompts: "PromptSet", old: "PromptVersion", new: "PromptVersion") -> list[dict[str, Any]]:
    """The files that shape only one of the versions, each beside its counterpart: path or None, and unified diff."""
    from chains.prompts.dependencies import shaping_files

    had, has = (dict.fromkeys(shaping_files(prompts.folder, prompt)) for prompt in (old, new))
    lost, come = ([f for f in one if f not in other] for one, other in ((had, has), (has, had)))
    kinds = dict.fromkeys(map(_kind, [*lost, *come]))
    found = []
    for kind in kinds:
        for a, b in zip_longest([f for f in lost if _kind(f) == kind], [f for f in come if _kind(f) == kind]):
            old_lines, new_lines = (_lines(prompts, file) for file in (a, b))
            diff = difflib.unified_diff(old_lines, new_lines, a or "/dev/null", b or "/dev/null", lineterm="")
            found.append({"before": a, "after": b, "diff": "\n".join(diff)})
    return found


def _kind(file: str) -> tuple[str, str]:
    """What is the same for files that follow one another: `summarize/1.0.0.j2` and `summarize/1.1.0.j2`."""
    from semver import Version

    path = PurePosixPath(file)
    stem = "" if Version.is_valid(path.stem) else _NUMBERED.sub("", path.stem)
    return path.parent.as_posix(), stem + path.suffix


def _lines(prompts: "PromptSet", file: str | None) -> list[str]:
    from chains.prompts.source import read_text

    if file is None:
        return []
    text = read_text(prompts.folder / file)
    end = [] if text.endswith("\n") else ["\\ No newline at end of file"]
    return [*text.removesuffix("\n").split("\n"), *end]


def _print_files(files: list[dict[str, Any]]) -> None:
    console = Console(highlight=False)
    for file in files:
        print_rule(" -> ".join(path or "nothing" for path in (file["before"], file["after"])))
        for line in file["diff"].split("\n"):
            heading = line.startswith(("--- ", "+++ "))
            console.print(Text(line, style="bold" if heading else _STYLES.get(line[:1], "")), soft_wrap=True)
    if not files:
        print("No file differs.")


def _print_cases(comparison: "Comparison") -> None:
    cases = comparison.cases
    shown = [case for case in cases if not case.same and case.before is not None and case.after is not None]
    same = [case for case in cases if case.same]
    print_rule(f"golden cases: {len(shown)} of {len(cases)} differ")
    for case in shown:
        print_case(case, comparison.before.version, comparison.after.version)
    for case in cases:
        if not case.same and (case.before is None or case.after is None):
            print(f"case {case.name!r}: {case.note}")
    if same:
        print(f"The same in both: {', '.join(repr(case.name) for case in same)}.")
    if not cases:
        print(f"There is no golden case: write {comparison.before.name}/cases.yaml.")


def _print_bump(comparison: "Comparison") -> None:
    from chains.prompts.comparison.bump import Bump, bump_between, smallest_version

    old, new, minimum = comparison.before, comparison.after, comparison.minimum
    print_rule(f"needs {minimum.name}" if minimum else "needs no bump")
    if comparison.changes:
        reasons = table("bump", "where", "what")
        for change in sorted(comparison.changes, key=lambda change: -change.bump):
            reasons.add_row(change.bump.name, Text(change.place), Text(change.message))
        print_table(reasons)
    claimed = bump_between(old.version, new.version)
    smallest = smallest_version(old.version, minimum)
    if minimum is Bump.NONE:
        print("Nothing that shapes the messages differs.")
    elif claimed is Bump.NONE:
        print(f"The smallest version that would do is {smallest}; {new.version} doesn't come after {old.version}.")
    elif claimed >= minimum:
        print(
            f"The smallest version that would do is {smallest}; {new.version} claims {claimed.name}, which is enough."
        )
    else:
        print(f"The smallest version that would do is {smallest}; {new.version} claims only {claimed.name}.")


def _as_json(prompts: "PromptSet", comparison: "Comparison", files: list[dict[str, Any]]) -> dict[str, Any]:
    from chains.prompts.comparison.bump import bump_between, smallest_version

    old, new = comparison.before, comparison.after
    return {
        "before": identity(prompts, old),
        "after": identity(prompts, new),
        "files": files,
        "cases": [
            {
                "name": case.name,
                "same": case.same,
                "before": _messages(case.before),
                "after": _messages(case.after),
                "note": case.note,
            }
            for case in comparison.cases
        ],
        "changes": [{"bump": c.bump.name, "place": c.place, "message": c.message} for c in comparison.changes],
        "bump": {
            "minimum": comparison.minimum.name,
            "claimed": bump_between(old.version, new.version).name,
            "smallest_version": smallest_version(old.version, comparison.minimum),
        },
    }


def _messages(messages: tuple[tuple[str, str], ...] | None) -> list[dict[str, str]] | None:
    return None if messages is None else [{"role": role, "content": text} for role, text in messages]
