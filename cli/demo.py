"""`make demo`: every task on real texts, on whatever is configured; the embedded model if nothing is."""

import asyncio
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from app.composition import build_runner
from app.settings import load_settings
from app.starting import with_started_backends
from chains.errors import CopydeskError
from chains.result import TaskResult
from chains.runner import Runner

__all__ = ["main"]

_EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
_LONGEST = 260


def main() -> None:
    """Run the examples and print a table. Ends with 1 where one of them failed."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    progress = Console(stderr=True)
    logging.basicConfig(level=logging.WARNING)
    start = time.perf_counter()
    progress.print("Loading the model ...")
    with with_started_backends(load_settings(None)) as settings:
        runner = build_runner(settings)
        table, failed = asyncio.run(_run_all(runner, progress))
    console.print(table)
    console.print(f"{table.row_count} examples in {time.perf_counter() - start:.1f} s, loading included.")
    sys.exit(1 if failed else 0)


async def _run_all(runner: Runner, progress: Console) -> tuple[Table, int]:
    table = Table(show_lines=True)
    for column in ("task", "input", "output"):
        table.add_column(column, overflow="fold")
    for column in ("seconds", "tokens in", "(cached)", "out"):
        table.add_column(column, justify="right")
    failed = 0
    examples = yaml.safe_load((_EXAMPLES / "demo.yaml").read_text(encoding="utf-8"))
    for example in examples:
        progress.print(f"{example['task']}: {example['name']} ...")
        text = (_EXAMPLES / example["file"]).read_text(encoding="utf-8").strip()
        try:
            result = await runner.run(example["task"], _request(runner, example, text))
        except CopydeskError as error:
            failed += 1
            table.add_row(example["task"], _shortened(text), f"{error.code}: {error}", "", "", "", "")
            continue
        table.add_row(example["task"], f"{_shortened(text)}\n{_options(example)}", _output(result), *_figures(result))
    await runner.aclose()
    return table, failed


def _request(runner: Runner, example: dict[str, Any], text: str) -> Any:
    task = runner.task(example["task"])
    return task.input.model_validate({task.main_field: text, **example["options"]})


def _options(example: dict[str, Any]) -> str:
    shown = {
        key: [item["name"] for item in value] if isinstance(value, list) else value
        for key, value in example["options"].items()
    }
    return json.dumps(shown, ensure_ascii=False)


def _output(result: TaskResult[Any]) -> str:
    output = result.output.model_dump(mode="json")
    text = output.get("summary") or output.get("text")
    if text:
        return str(text)
    if "labels" in output:
        return ", ".join(label["name"] for label in output["labels"])
    found = [f"{entity['text']} = {entity['type']} at {entity['offset']}" for entity in output["entities"]]
    lost = [f"(not in the text: {entity['text']})" for entity in output["ungrounded"]]
    return "\n".join(found + lost) or "nothing"


def _figures(result: TaskResult[Any]) -> tuple[str, ...]:
    usage = result.usage
    seconds = f"{result.timing.total_ms / 1000:.1f}"
    return seconds, str(usage.input_tokens), str(usage.cached_input_tokens), str(usage.output_tokens)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."


if __name__ == "__main__":
    main()
