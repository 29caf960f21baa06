"""How long rendering takes: a template of 2 KB with two partials, without a model. Prints microseconds."""

import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from chains.prompts import PromptVersion, load_prompt_set

_FRONT = """---
description: A template of 2 KB
changelog: First
inputs:
  text: {type: string}
  style: {enum: [bullets, prose], default: prose}
  max_words: {type: integer, default: 80}
---
"""
_RULES = "Keep names, numbers and dates exactly as they stand in the document. " * 14
_BODY = f"""system:
{{% include "partials/rules.j2" %}}
You write {{{{ style }}}} of at most {{{{ max_words }}}} words.
{_RULES}
user:
{{% if style == "bullets" %}}Use a list.{{% else %}}Use whole sentences.{{% endif %}}
{{% include "partials/closing.j2" %}}
<document>{{{{ text }}}}</document>
"""
_ROUNDS = 10_000


def _prompt(folder: Path) -> PromptVersion:
    files = {
        "demo/1.0.0.j2": _FRONT + _BODY,
        "partials/rules.j2": _RULES,
        "partials/closing.j2": "At most {{ max_words }} words.\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return load_prompt_set(folder).get("demo")


def _microseconds(prompt: PromptVersion) -> list[float]:
    inputs = {"text": "The ferry to Norderney leaves at six. " * 50}
    times = []
    for _ in range(_ROUNDS):
        start = time.perf_counter_ns()
        prompt.invoke(inputs)
        times.append((time.perf_counter_ns() - start) / 1000)
    return sorted(times)


def main() -> int:
    with TemporaryDirectory() as folder:
        times = _microseconds(_prompt(Path(folder)))
    print(f"render: median {statistics.median(times):.1f} µs, p99 {times[int(len(times) * 0.99)]:.1f} µs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
