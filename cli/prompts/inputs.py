"""What the reading commands are given: a prompt's version or label, and its inputs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chains.errors import InvalidInput
from cli.prompts.display import schema_lines
from cli.run import read_text

if TYPE_CHECKING:
    from chains.prompts import PromptSet, PromptVersion, Selection

__all__ = [
    "CaseName",
    "GivenInputs",
    "InputPairs",
    "InputsFile",
    "PromptName",
    "PromptOrVersion",
    "VersionOrLabel",
    "case_inputs",
    "check_inputs",
    "chosen",
    "given_inputs",
    "one_version",
    "optional_version",
    "split_versions",
    "typed_pairs",
]

PromptName = Annotated[str, typer.Argument(help="The prompt: the name of its folder.", metavar="NAME")]
PromptOrVersion = Annotated[
    str,
    typer.Argument(help="The prompt: the name of its folder; or prompt and version as NAME@VERSION.", metavar="NAME"),
]
VersionOrLabel = Annotated[
    str | None,
    typer.Argument(
        help="A version (1.2.0, also a draft) or a label (canary); else production, or the newest where nothing is.",
        metavar="VERSION|LABEL",
    ),
]
CaseName = Annotated[
    str | None, typer.Option("--case", help="A golden case of cases.yaml; else the first that fits.", metavar="CASE")
]
InputPairs = Annotated[
    list[str] | None,
    typer.Option(
        "--input", "-i", help="An input: a text as it stands, any other value as JSON. Repeat it.", metavar="K=V"
    ),
]
InputsFile = Annotated[
    str | None, typer.Option("--inputs", help="A file with all inputs as a JSON object; - is stdin.", metavar="FILE")
]


@dataclass(frozen=True, slots=True)
class GivenInputs:
    """Inputs that a version takes, and the golden case that they are from, if any."""

    inputs: Mapping[str, Any]
    case: str | None = None


def split_versions(name: str, *versions: str | None) -> tuple[str, list[str]]:
    """The prompt, and the versions or labels of a call; one in NAME@VERSION is the first."""
    prompt, at, first = name.partition("@")
    return prompt, [version for version in (first if at else None, *versions) if version is not None]


def one_version(name: str, version: str | None) -> tuple[str, str]:
    """Prompt and version of a call that needs both. Raises BadParameter."""
    prompt, versions = split_versions(name, version)
    if not versions:
        raise typer.BadParameter("Missing argument VERSION: give NAME VERSION or NAME@VERSION")
    if len(versions) > 1:
        raise typer.BadParameter(f"two versions: {' and '.join(versions)}; give one")
    return prompt, versions[0]


def optional_version(name: str, version: str | None) -> tuple[str, str | None]:
    """The same where the version may be left out."""
    return one_version(name, version) if "@" in name or version is not None else (name, None)


def chosen(prompts: "PromptSet", name: str, wanted: str | None) -> "Selection":
    """The version or label of a call, drafts included; without one what serves production, else the newest version.

    Raises UnknownPrompt.
    """
    from chains.prompts import PRODUCTION, Selection, select

    if wanted is None and PRODUCTION not in prompts.labels.get(name, {}):
        return Selection(prompts.versions(name)[-1], None)
    return select(prompts, name, wanted or PRODUCTION, allow_drafts=True)


def given_inputs(
    prompts: "PromptSet",
    prompt: "PromptVersion",
    *,
    case: str | None = None,
    pairs: Sequence[str] | None = None,
    file: str | None = None,
) -> GivenInputs:
    """The inputs of a call: a golden case, K=V pairs or a JSON file; else the first case that the version takes.

    Raises InvalidInput, which names each wrong place and lists the inputs.
    """
    named = {"--case": case is not None, "--input": bool(pairs), "--inputs": file is not None}
    if sum(named.values()) > 1:
        raise typer.BadParameter(f"give only one of {', '.join(option for option, given in named.items() if given)}")
    if pairs:
        inputs = typed_pairs(prompt, pairs, "--input")
    elif file is not None:
        inputs = _json_object(read_text(file, "--inputs"), file)
    elif case is not None:
        inputs = case_inputs(prompts, prompt.name, case)
    else:
        return _first_case(prompts, prompt)
    check_inputs(prompt, inputs, None if case is None else f"the case {case!r}")
    return GivenInputs(inputs, case)


def case_inputs(prompts: "PromptSet", name: str, case: str) -> dict[str, Any]:
    """The inputs of a golden case. Raises InvalidInput, which lists the cases, where there is none of this name."""
    cases = prompts.cases(name)
    if case not in cases:
        known = ", ".join(repr(known) for known in cases)
        there = f"The cases are: {known}." if known else f"It has none: there is no {name}/cases.yaml."
        raise InvalidInput(f"The prompt {name!r} has no golden case {case!r}. {there}")
    return cases[case]


def check_inputs(prompt: "PromptVersion", inputs: Mapping[str, Any], what: str | None = None) -> None:
    """Raise InvalidInput where the version doesn't take the inputs; `what` names them in the message."""
    wrong = prompt.validate(inputs)
    if wrong:
        lines = [f"  {place.pointer or 'inputs'}: {place.message}" for place in wrong]
        known = schema_lines(prompt.inputs, prompt.required)
        heading = f"The prompt {prompt} doesn't take {what or 'these inputs'}:"
        raise InvalidInput("\n".join([heading, *lines, "Its inputs are:", *known]), wrong)
    try:
        json.dumps(dict(inputs), ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise InvalidInput(f"The inputs hold {half}, half a surrogate pair, which is no character.") from None


def typed_pairs(prompt: "PromptVersion", pairs: Sequence[str], option: str) -> dict[str, Any]:
    """K=V pairs as inputs: text where the input's schema says so, else JSON. Raises InvalidInput."""
    inputs: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or name not in prompt.inputs or name in inputs:
            what = "is given twice" if equals and name in inputs else "give NAME=VALUE, where NAME is an input"
            known = schema_lines(prompt.inputs, prompt.required)
            raise InvalidInput("\n".join([f"{option} {pair}: {what}. The inputs of {prompt} are:", *known]))
        schema = prompt.inputs[name]
        place = f"{option} {pair}: {name} is {json.dumps(schema, ensure_ascii=False)}, so its value is read as JSON"
        inputs[name] = value if _is_text(schema, value) else _json_value(value, place)
    return inputs


def _first_case(prompts: "PromptSet", prompt: "PromptVersion") -> GivenInputs:
    for case, inputs in prompts.cases(prompt.name).items():
        if not prompt.validate(inputs):
            return GivenInputs(inputs, case)
    if not prompt.required:
        return GivenInputs({})
    known = schema_lines(prompt.inputs, prompt.required)
    heading = f"No golden case fits the prompt {prompt}: give its inputs with --input NAME=VALUE or --inputs FILE."
    raise InvalidInput("\n".join([heading, "Its inputs are:", *known]))


def _is_text(schema: Mapping[str, Any], value: str) -> bool:
    types = schema.get("type", ())
    if "string" in ([types] if isinstance(types, str) else types):
        return True
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    return value in values or (bool(values) and all(isinstance(known, str) for known in values))


def _json_object(text: str, file: str) -> dict[str, Any]:
    value = _json_value(text, f"--inputs {file}")
    if not isinstance(value, dict):
        raise InvalidInput(f'--inputs {file}: not a JSON object of inputs: {{"text": ...}}')
    return value


def _json_value(text: str, place: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise InvalidInput(f"{place}: the key {key!r} stands twice in one object")
            found[key] = value
        return found

    def refused(name: str) -> Any:
        raise InvalidInput(f"{place}: {name} is no JSON value")

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=refused)
    except json.JSONDecodeError as error:
        raise InvalidInput(f"{place}: not JSON at line {error.lineno}, column {error.colno}: {error.msg}") from None
    except (RecursionError, ValueError):
        raise InvalidInput(f"{place}: nested too deeply, or a number is too large") from None
