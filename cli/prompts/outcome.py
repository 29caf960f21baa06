"""What a version did with an input: its answer or its error, with tokens and time."""

import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.text import Text

from chains.errors import CopydeskError, OutputError
from cli.prompts.display import identity, note, print_rule
from cli.prompts.inputs import check_inputs
from cli.prompts.side_by_side import columns_fit, print_columns
from cli.run import readable

if TYPE_CHECKING:
    from chains.prompts import PromptSet, PromptVersion
    from chains.result import Usage
    from chains.runner import Runner
    from chains.task import TaskInput

__all__ = ["Outcome", "as_json_value", "outcome_of", "print_outcomes"]


@dataclass(frozen=True)
class Outcome:
    """One run of one version. `output` is JSON and `text` what people read; without them there is an error. Times are
    milliseconds; the model's is unknown where the run failed, and so are the tokens."""

    prompt: "PromptVersion"
    total_ms: int
    output: Any = None
    text: str = ""
    backend: str | None = None
    model: str | None = None
    model_ms: int | None = None
    usage: "Usage | None" = None
    error: CopydeskError | None = None


async def outcome_of(runner: "Runner", prompt: "PromptVersion", given: "TaskInput | dict[str, Any]") -> Outcome:
    """Run a version: by its task's chain on a request, or directly on the inputs of a prompt without a task."""
    start = time.perf_counter()
    try:
        if isinstance(given, dict):
            return await _asked(runner, prompt, given)
        request = given.model_copy(update={"prompt": prompt.version})
        result = await runner.run(prompt.name, request)
    except CopydeskError as error:
        return Outcome(prompt, _ms_since(start), error=error)
    return Outcome(
        prompt,
        result.timing.total_ms,
        output=result.output.model_dump(mode="json", exclude_none=True),
        text=readable(result),
        backend=result.backend,
        model=result.model,
        model_ms=result.timing.model_ms,
        usage=result.usage,
    )


async def _asked(runner: "Runner", prompt: "PromptVersion", inputs: dict[str, Any]) -> Outcome:
    """Ask the first backend of the route with the messages and parameters of the prompt."""
    from chains.answers import Ask, ask_for_object, ask_for_text
    from chains.ledger import open_ledger
    from chains.runner import call_keywords
    from chains.task import Parts

    check_inputs(prompt, inputs)
    start = time.perf_counter()
    name, model = next(iter(runner.backends.items()))
    parts = Parts(prompt, model, call_keywords(prompt.parameters))
    output: Any
    with open_ledger() as ledger:
        if prompt.output is None:
            answer = await ask_for_text(parts).ainvoke(inputs)
            output = {"text": answer.text, "finished": answer.finished}
            text = answer.text if answer.finished else f"{answer.text}\n[cut off at the cap on output tokens]"
        else:
            output = await ask_for_object(parts).ainvoke(Ask(inputs, prompt.output))
            text = json.dumps(output, ensure_ascii=False, indent=2)
    model_ms = round(ledger.model_seconds * 1000)
    return Outcome(prompt, _ms_since(start), output, text, name, ledger.model, model_ms, ledger.usage)


def as_json_value(prompts: "PromptSet", outcome: Outcome) -> dict[str, Any]:
    error = outcome.error
    failure = {} if error is None else {"code": error.code, "message": str(error)}
    if isinstance(error, OutputError):
        failure["raw"] = error.raw
    return {
        "prompt": identity(prompts, outcome.prompt),
        "output": outcome.output,
        "error": failure or None,
        "backend": outcome.backend,
        "model": outcome.model,
        "usage": None if outcome.usage is None else asdict(outcome.usage),
        "timing": {"model_ms": outcome.model_ms, "total_ms": outcome.total_ms},
    }


def print_outcomes(prompts: "PromptSet", outcomes: list[Outcome]) -> None:
    """The answers on standard output, side by side where two fit; the figures below them."""
    titles = [f"{outcome.prompt} ({note(prompts, outcome.prompt)})" for outcome in outcomes]
    if len(outcomes) > 1 and columns_fit():
        left, right = ([Text(_shown(o)), Text(f"\n{_figures(o)}", style="dim")] for o in outcomes)
        print_columns(titles, list(zip(left, right, strict=True)))
    else:
        for title, outcome in zip(titles, outcomes, strict=True):
            print_rule(title)
            print(f"{_shown(outcome)}\n[{_figures(outcome)}]")
    if len(outcomes) > 1:
        first, second = (outcome.prompt.version for outcome in outcomes)
        said = f"{first} ran first: {second} may have found the model warm and their common beginning in its cache."
        sys.stdout.flush()
        print(f"[{said}]", file=sys.stderr)


def _shown(outcome: Outcome) -> str:
    error = outcome.error
    if error is None:
        return outcome.text
    answer = f"\nThe model's answer was:\n{error.raw}" if isinstance(error, OutputError) else ""
    return f"failed ({error.code}): {error}{answer}"


def _figures(outcome: Outcome) -> str:
    seconds = f"{outcome.total_ms / 1000:.1f} s"
    usage = outcome.usage
    if usage is None:
        return f"failed after {seconds}"
    output = outcome.output if isinstance(outcome.output, dict) else {}
    marks = [f"{name}, " for name, value in output.items() if value is True and f'"{name}"' not in outcome.text]
    calls = "" if usage.model_calls == 1 else f" in {usage.model_calls} calls"
    return "".join(marks) + (
        f"{usage.input_tokens} tokens in ({usage.cached_input_tokens} cached), {usage.output_tokens} out{calls}, "
        f"{seconds}, {outcome.model} on {outcome.backend}"
    )


def _ms_since(start: float) -> int:
    return round((time.perf_counter() - start) * 1000)
