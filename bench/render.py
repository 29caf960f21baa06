"""How long rendering takes, and what its bounds cost: a template of 2 KB with two partials, without a model.

The first line is a whole render, from a caller's inputs to messages. The others compare the templates alone, on the
same values and with the same result: ours with its budget; the same without, which shows what the bounds cost; Jinja's
two environments as they come, compiled once and unbounded; and LangChain's PromptTemplate, which compiles at every
call. Their rounds are interleaved, so that a busy machine slows all alike. Prints microseconds.
"""

import statistics
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment
from langchain_core.prompts import PromptTemplate

from chains.prompts import PromptVersion, load_prompt_set
from chains.prompts.budget import BUDGET, Budget

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
_TEXT = "The ferry to Norderney leaves at six. " * 50
_RENDERS = 10_000
_ROUNDS = 40

Render = Callable[[], list[str]]


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


def _whole_renders(prompt: PromptVersion) -> list[float]:
    times = []
    for _ in range(_RENDERS):
        start = time.perf_counter_ns()
        prompt.invoke({"text": _TEXT})
        times.append((time.perf_counter_ns() - start) / 1000)
    return sorted(times)


def _ours(prompt: PromptVersion, values: Mapping[str, Any]) -> Render:
    templates = [section.template for section in prompt._sections]

    def render() -> list[str]:
        budget = Budget()
        texts = []
        for template in templates:
            pieces = []
            for piece in template.root_render_func(template.new_context({**values, BUDGET: budget})):
                budget.produce(len(piece))
                pieces.append(piece)
            texts.append("".join(pieces))
        return texts

    return render


class _Unbounded(ImmutableSandboxedEnvironment):
    """Jinja's sandbox with the one shortcut that ours takes: no chained mapping of globals."""

    def make_globals(self, d: Any) -> MutableMapping[str, Any]:
        return {**self.globals, **(d or {})}


def _unbounded(prompt: PromptVersion, values: Mapping[str, Any]) -> Render:
    templates = _compiled(_Unbounded, prompt)
    return lambda: ["".join(each.root_render_func(each.new_context({**values}))) for each in templates]


def _compiled(kind: type[Environment], prompt: PromptVersion) -> list[Template]:
    loader = DictLoader(dict(prompt.ingredients.partials))
    environment = kind(loader=loader, undefined=StrictUndefined, keep_trailing_newline=True)
    return [environment.from_string(section.text) for section in prompt.ingredients.source.sections]


def _jinja(kind: type[Environment], prompt: PromptVersion, values: Mapping[str, Any]) -> Render:
    templates = _compiled(kind, prompt)
    return lambda: [template.render(values) for template in templates]


def _langchain(prompt: PromptVersion, values: Mapping[str, Any]) -> Render:
    """It knows no includes, so the partials stand in the text."""
    texts = [section.text for section in prompt.ingredients.source.sections]
    for name, partial in prompt.ingredients.partials.items():
        texts = [text.replace(f'{{% include "{name}" %}}', partial) for text in texts]
    templates = [PromptTemplate.from_template(text, template_format="jinja2") for text in texts]
    return lambda: [template.format(**values) for template in templates]


def _medians(ways: Mapping[str, tuple[Render, int]]) -> dict[str, float]:
    """Of each way, given with how often it renders in a round."""
    first, *others = (render() for render, _ in ways.values())
    assert all(texts == first for texts in others), "the environments must render the same texts"
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(_ROUNDS):
        for name, (render, renders) in ways.items():
            start = time.perf_counter_ns()
            for _ in range(renders):
                render()
            times[name].append((time.perf_counter_ns() - start) / renders / 1000)
    return {name: statistics.median(found) for name, found in times.items()}


def main() -> int:
    with TemporaryDirectory() as folder:
        prompt = _prompt(Path(folder))
    times = _whole_renders(prompt)
    print(f"render: median {statistics.median(times):.1f} µs, p99 {times[int(len(times) * 0.99)]:.1f} µs")
    values = {"text": _TEXT, "style": "prose", "max_words": 80}
    medians = _medians({
        "our environment, bounded": (_ours(prompt, values), 100),
        "the same without bounds": (_unbounded(prompt, values), 100),
        "jinja2, sandboxed and unbounded": (_jinja(ImmutableSandboxedEnvironment, prompt, values), 100),
        "jinja2, plain": (_jinja(Environment, prompt, values), 100),
        "langchain's PromptTemplate, jinja2": (_langchain(prompt, values), 5),
    })  # fmt: skip
    ours = next(iter(medians.values()))
    for name, median in medians.items():
        print(f"{name}: median {median:.1f} µs, {median / ours:.2f} times ours")
    return 0


if __name__ == "__main__":
    sys.exit(main())
