"""`copydesk prompts render`: the messages as a model would get them."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.prompts.display import identity, note, print_messages, print_rule
from cli.prompts.inputs import (
    CaseName,
    GivenInputs,
    InputPairs,
    InputsFile,
    PromptOrVersion,
    VersionOrLabel,
    chosen,
    given_inputs,
    optional_version,
)
from cli.prompts.options import AsJson, PromptDir, folder_of, print_json

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from chains.prompts import PromptSet, PromptVersion

__all__ = ["as_chat", "render"]


def render(
    name: PromptOrVersion,
    version: VersionOrLabel = None,
    case: CaseName = None,
    all_cases: Annotated[bool, typer.Option("--all-cases", help="Every golden case that the version takes.")] = False,
    input: InputPairs = None,
    inputs: InputsFile = None,
    dir: PromptDir = None,
    as_json: AsJson = False,
) -> None:
    """Show the messages as they would be sent.

    A version is rendered on a golden case or on inputs of your own: each message under its role, byte for byte.

    Example: copydesk prompts render summarize 1.0.0 --case headline
    """
    from chains.prompts import load_prompt_set

    if all_cases and (case or input or inputs):
        raise typer.BadParameter("give --all-cases or inputs, not both")
    name, version = optional_version(name, version)
    prompts = load_prompt_set(folder_of(dir))
    prompt = chosen(prompts, name, version).prompt
    if all_cases:
        given, refused = _all_cases(prompts, prompt)
    else:
        given, refused = [given_inputs(prompts, prompt, case=case, pairs=input, file=inputs)], {}
    renders = [_rendered(prompt, each) for each in given]
    if as_json:
        print_json({**identity(prompts, prompt), "renders": renders, "refused": refused})
        return
    for number, shown in enumerate(renders):
        if all_cases:
            print("\n" * bool(number), end="")
            print_rule(f"case {shown['case']!r}", "bold")
        print_messages(shown["messages"])
        sys.stdout.flush()
        source = "" if shown["case"] is None else f", case {shown['case']!r}"
        about = f"about {shown['estimated_tokens']} tokens, an estimate"
        print(f"[{prompt} ({note(prompts, prompt)}){source}: {about}]", file=sys.stderr)
    for skipped, reason in refused.items():
        print(f"[case {skipped!r} is not for {prompt}: {reason}]", file=sys.stderr)


def as_chat(messages: "list[BaseMessage]") -> list[dict[str, Any]]:
    """Messages as OpenAI's API writes them: role and content."""
    from langchain_core.messages.utils import convert_to_openai_messages

    found = convert_to_openai_messages(messages)
    return found if isinstance(found, list) else [found]


def _all_cases(prompts: "PromptSet", prompt: "PromptVersion") -> tuple[list[GivenInputs], dict[str, str]]:
    """The golden cases that the version takes, and why it doesn't take the others."""
    cases = prompts.cases(prompt.name)
    if not cases:
        raise typer.BadParameter(f"the prompt {prompt.name!r} has no golden case; write them into cases.yaml")
    wrong = {name: prompt.validate(inputs) for name, inputs in cases.items()}
    taken = [GivenInputs(inputs, name) for name, inputs in cases.items() if not wrong[name]]
    refused = {name: f"{places[0].pointer} {places[0].message}".strip() for name, places in wrong.items() if places}
    return taken, refused


def _rendered(prompt: "PromptVersion", given: GivenInputs) -> dict[str, Any]:
    from langchain_core.messages.utils import count_tokens_approximately

    messages = prompt.invoke(dict(given.inputs)).to_messages()
    return {
        "case": given.case,
        "inputs": dict(given.inputs),
        "messages": as_chat(messages),
        "estimated_tokens": count_tokens_approximately(messages),
    }
