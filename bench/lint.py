"""How long loading and linting 500 prompt files take: 100 prompts of 5 versions, all different. Prints seconds.

Four of the five versions are released, as in a folder that has been in use: those are not given warnings. `--all`
gives every version every rule, which is what `copydesk prompts lint --all` does.
"""

import random
import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from chains.prompts import load_prompt_set
from chains.prompts.linting.lint import lint_folder, lint_reading
from chains.prompts.lock import LOCK, Lock
from chains.prompts.registry import read_prompt_set
from chains.prompts.serving import serving_problems

_PROMPTS, _VERSIONS, _ROUNDS = 100, 5, 5
_WORDS = re.findall(
    r"\w+",
    """
    answer audience bullet clause client customer date document draft editor email fact figure heading keep label
    language ledger letter line list meeting name note number order paragraph plain point policy price quote
    reader remark reply report sentence short source style summary table text title tone translate update word
    write
    """,
)


def _sentence(words: random.Random, length: int) -> str:
    return " ".join(words.choices(_WORDS, k=length)).capitalize() + "."


def _template(words: random.Random, number: int, few_shot: str) -> str:
    styles = words.sample(_WORDS, 4)
    branches = "".join(
        f'{{% {"if" if place == 0 else "elif"} style == "{style}" %}}{_sentence(words, 9)}'
        for place, style in enumerate(styles[1:])
    )
    return f"""---
description: {_sentence(words, 6)}
changelog: {_sentence(words, 5)}
inputs:
  text: {{type: string}}
  style: {{enum: [{", ".join(styles)}], default: {styles[0]}}}
  max_words: {{type: integer, minimum: {number % 7}, default: {40 + number % 90}}}
  audience: {{type: string, default: ""}}
model:
  temperature: 0
  max_output_tokens: {256 + number % 512}
{few_shot}---
system:
{_sentence(words, 12)} {{% include "partials/part-{number % 10}.j2" %}} {_sentence(words, 30)}
{_sentence(words, 40)}
user:
{branches}{{% else %}}{_sentence(words, 8)}{{% endif %}}
At most {{{{ max_words }}}} words{{% if audience %}}, for {{{{ audience }}}}{{% endif %}}.
<document>
{{{{ text }}}}
</document>
"""


def _write(folder: Path) -> None:
    words = random.Random(7)
    (folder / "partials").mkdir()
    for number in range(10):
        (folder / "partials" / f"part-{number}.j2").write_text(_sentence(words, 25) + "\n")
    for prompt in range(_PROMPTS):
        home = folder / f"prompt_{prompt}"
        home.mkdir()
        few_shot = f"examples: {home.name}/few_shot-1.yaml\n" if prompt % 2 else ""
        if few_shot:
            pairs = (
                f"- inputs: {{text: {_sentence(words, 20)}}}\n  output: {_sentence(words, 12)}\n" for _ in range(3)
            )
            (home / "few_shot-1.yaml").write_text("".join(pairs))
        for version in range(_VERSIONS):
            text = _template(words, prompt * _VERSIONS + version, few_shot)
            (home / f"1.{version}.0.j2").write_text(text)
        inputs = ("{text: A}", "{text: B, audience: staff}", f"{{text: {_sentence(words, 60)}, max_words: 30}}")
        (home / "cases.yaml").write_text(
            "".join(f"- {{name: case {number}, inputs: {given}}}\n" for number, given in enumerate(inputs))
        )


def _release(folder: Path) -> None:
    lock = Lock()
    for prompt in load_prompt_set(folder):
        if prompt.version != f"1.{_VERSIONS - 1}.0":
            lock = lock.with_version(str(prompt), prompt.digest, prompt.ingredients.files)
    (folder / LOCK).write_text(lock.text())


def _seconds(run: Callable[[], object]) -> tuple[float, float]:
    """Median time on the wall and of the processor."""
    wall, processor = [], []
    for _ in range(_ROUNDS):
        start, spent = time.perf_counter(), time.process_time()
        run()
        wall.append(time.perf_counter() - start)
        processor.append(time.process_time() - spent)
    return statistics.median(wall), statistics.median(processor)


def main() -> int:
    with TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder)
        _release(folder)
        reading = read_prompt_set(folder)
        steps: dict[str, Callable[[], object]] = {
            "load": lambda: load_prompt_set(folder),
            "load again after no edit": lambda: load_prompt_set(folder, reading.prompts),
            "what keeps a set from serving": lambda: serving_problems(reading.prompts, {}),
            "lint": lambda: lint_reading(reading, {}),
            "load and lint": lambda: lint_folder(folder),
            "load and lint --all": lambda: lint_folder(folder, released=True),
        }
        for step, run in steps.items():
            wall, processor = _seconds(run)
            print(f"{_PROMPTS * _VERSIONS} prompt files, {step}: {wall:.2f} s, of the processor {processor:.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
