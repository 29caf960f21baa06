"""`copydesk prompts export`: a prompt for use elsewhere."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.prompts.inputs import (
    CaseName,
    InputPairs,
    InputsFile,
    PromptOrVersion,
    VersionOrLabel,
    chosen,
    given_inputs,
    optional_version,
)
from cli.prompts.options import PromptDir, folder_of, print_json
from cli.prompts.rendering import as_chat

if TYPE_CHECKING:
    from chains.prompts import PromptVersion
    from cli.prompts.inputs import GivenInputs

__all__ = ["export"]


def export(
    name: PromptOrVersion,
    version: VersionOrLabel = None,
    case: CaseName = None,
    input: InputPairs = None,
    inputs: InputsFile = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="The model's name in the body.")] = None,
    dir: PromptDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON is all that it prints, also without this.")] = False,
) -> None:
    """Print a body for OpenAI's chat completions.

    It holds the messages, the parameters and the output schema, as JSON.

    Example: copydesk prompts export summarize --case headline --model gpt-x
    """
    from chains.prompts import load_prompt_set
    from chains.tasks import load_tasks

    name, version = optional_version(name, version)
    prompts = load_prompt_set(folder_of(dir))
    prompt = chosen(prompts, name, version).prompt
    given = given_inputs(prompts, prompt, case=case, pairs=input, file=inputs)
    print_json({**({} if model is None else {"model": model}), **_body(prompt, given)})
    task = load_tasks().get(name)
    if prompt.output is None and task is not None and task.answer is not None:
        said = f"[{prompt} has no output schema: the task {name} makes one for each request, which is not in this body]"
        print(said, file=sys.stderr)


def _body(prompt: "PromptVersion", given: "GivenInputs") -> dict[str, Any]:
    from chains.answers import response_format
    from chains.runner import call_keywords

    body = {"messages": as_chat(prompt.invoke(dict(given.inputs)).to_messages()), **call_keywords(prompt.parameters)}
    return body if prompt.output is None else {**body, "response_format": response_format(prompt.output)}
