"""`copydesk eval cassette`: look after recorded answers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.evaluate.exits import ExitCode
from cli.prompts.display import print_table, table
from cli.prompts.options import AsJson, print_json

if TYPE_CHECKING:
    from chains.backends.replay.upkeep import FileReport

__all__ = ["app", "prune", "redact", "verify"]

app = typer.Typer(help="Look after cassettes: files of recorded answers.", no_args_is_help=True, rich_markup_mode=None)

Recordings = Annotated[
    Path, typer.Argument(help="A file of recordings (*.jsonl), or a folder with such files.", metavar="PATH")
]


@app.command()
def verify(path: Recordings, as_json: AsJson = False) -> None:
    """Tell whether recordings are whole, each key stands once, and all are of one model; and what there is.

    It ends with 1 where something is wrong.

    Example: copydesk eval cassette verify eval/recordings
    """
    from chains.backends.replay.upkeep import verify as verified

    reports = verified(path)
    if as_json:
        print_json([_as_json(report) for report in reports])
    else:
        _print(reports)
    if any(report.problems for report in reports):
        raise typer.Exit(ExitCode.UNUSABLE)


@app.command()
def prune(
    path: Recordings,
    runs: Annotated[
        list[Path], typer.Argument(help="Run files of all suites that use the recordings.", metavar="RUN...")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
) -> None:
    """Drop the recordings that no run used.

    Name a complete run of every suite: what none of them used goes.

    Example: copydesk eval cassette prune eval/recordings runs/summarize.jsonl runs/classify.jsonl
    """
    from chains.backends.replay.upkeep import prune as pruned
    from chains.backends.replay.upkeep import used_keys

    used = {key for run in runs for key in used_keys(run)}
    done = pruned(path, used, dry_run=dry_run)
    if dry_run:
        print(f"{done.kept} recordings would stay, {done.dropped} would go")
    else:
        print(f"{done.kept} recordings stay, {done.dropped} went: {done.bytes_before} bytes are now {done.bytes_after}")


@app.command()
def redact(
    path: Recordings,
    pattern: Annotated[
        str | None,
        typer.Option("--pattern", help="A regular expression: what it matches goes, also in answers.", metavar="REGEX"),
    ] = None,
) -> None:
    """Take texts out of recordings.

    Without a pattern, the beginnings of the requests, which are there for readers: replays don't need them. What a
    pattern matches is replaced by [redacted], in answers too: replays go on and give the rewritten answers, which are
    no longer quite the model's.

    Example: copydesk eval cassette redact eval/recordings --pattern '[\\w.]+@[\\w.]+'
    """
    from chains.backends.replay.upkeep import redact as redacted

    done = redacted(path, pattern)
    print(f"{done.requests} requests were redacted, {done.answers} answers rewritten")


def _as_json(report: "FileReport") -> dict[str, object]:
    return {
        "path": str(report.path),
        "model": report.model,
        "bytes": report.bytes,
        "recordings": dict(sorted(report.recordings.items())),
        "in_order": report.is_in_order,
        "problems": list(report.problems),
    }


def _print(reports: "list[FileReport]") -> None:
    shown = table("file", "model", "recordings", "bytes", "")
    for report in reports:
        counts = ", ".join(f"{count} {operation}" for operation, count in sorted(report.recordings.items()))
        state = f"{len(report.problems)} problems" if report.problems else "" if report.is_in_order else "not in order"
        shown.add_row(str(report.path), report.model, counts, str(report.bytes), state)
    print_table(shown)
    for report in reports:
        for problem in report.problems:
            print(problem)
    total = sum(sum(report.recordings.values()) for report in reports)
    print(f"{total} recordings, {sum(report.bytes for report in reports)} bytes")
