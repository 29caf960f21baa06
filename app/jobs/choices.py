"""What is to answer the items of a job, as it is stored with the job."""

import json
from collections.abc import Iterable

from chains.choice import Choice
from chains.result import PromptIdentity

__all__ = ["read_choice", "write_choices"]


def write_choices(choices: Iterable[Choice]) -> str:
    """A JSON list: of each choice the prompt's name, version, digest and label, and the route."""
    rows = []
    for choice in choices:
        prompt = choice.prompt
        rows.append([prompt.name, prompt.version, prompt.digest, prompt.label, list(choice.route)])
    return json.dumps(rows)


def read_choice(stored: str, place: int) -> Choice:
    """The choice at a place of that list."""
    name, version, digest, label, route = json.loads(stored)[place]
    return Choice(PromptIdentity(name, version, digest, label), tuple(route))
