"""`python -m bench.quality TASK --data DIR [--cases N] [--seed S] [--only PATTERN] [--out FILE.json]`

Measures a task, or `all`, on public cases of the folder, beside the plain way. Prints Markdown. Seconds are wall time
on the machine as it is: compare only what ran on the same quiet one.
"""

import argparse
import importlib
import os
import pkgutil
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import bench.quality
from bench.quality.running import Options, served_model
from bench.quality.table import Record, as_markdown, machine, write_json
from chains.errors import CopydeskError
from chains.tasks import load_tasks


def main(arguments: Sequence[str]) -> int:
    given = _parser().parse_args(arguments)
    if given.data is None:
        print("Give the folder of public cases: --data DIR or COPYDESK_DATA_DIR", file=sys.stderr)
        return 2
    options = Options(given.data, given.cases, given.seed, given.config, tuple(given.only), given.answers)
    records = []
    for task in tasks() if given.task == "all" else [given.task]:
        start = time.perf_counter()
        try:
            rows = importlib.import_module(f"bench.quality.{task}").measure(options)
        except CopydeskError as error:
            print(f"{task}: {error}", file=sys.stderr)
            return 1
        command = f"python -m bench.quality {shlex.join([task, *arguments[1:]])}"
        seconds = time.perf_counter() - start
        records.append(Record(task, served_model(task, options), machine(), given.seed, command, seconds, rows))
        print(as_markdown(records[-1]), flush=True)
    if given.out:
        write_json(records, given.out)
    return 0


def tasks() -> list[str]:
    """The tasks that can be measured: those with a module of their name in this package."""
    return sorted({info.name for info in pkgutil.iter_modules(bench.quality.__path__)} & set(load_tasks()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.quality", description=__doc__)
    folder = os.environ.get("COPYDESK_DATA_DIR")
    parser.add_argument("task", choices=[*tasks(), "all"])
    parser.add_argument("--data", type=Path, default=Path(folder) if folder else None, help="folder of public cases")
    parser.add_argument("--cases", type=_count, default=10, help="cases of each set, at the most")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--config", type=Path, help="a copydesk.yaml; else the embedded model serves")
    parser.add_argument("--out", type=Path, help="a file for the results as JSON")
    parser.add_argument("--only", action="append", default=[], help="pattern of 'set, way': '*, plain'; repeatable")
    parser.add_argument("--answers", type=Path, help="a file to which every answer is appended as a line of JSON")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"at least 1, not {number}")
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
