"""What is to answer a request: decided at once for what runs at once, and kept for what runs later."""

from dataclasses import dataclass

from chains.errors import UnknownPrompt
from chains.prompts import PromptSet, Selection
from chains.prompts.selection import by_version
from chains.result import PromptIdentity

__all__ = ["Choice", "identity_of", "recall"]


@dataclass(frozen=True, slots=True)
class Choice:
    """The prompt version with the label under which it was found, and the backends in the order in which they are
    tried. A version brings its parameters."""

    prompt: PromptIdentity
    route: tuple[str, ...]


def identity_of(selection: Selection) -> PromptIdentity:
    prompt = selection.prompt
    return PromptIdentity(prompt.name, prompt.version, prompt.digest, selection.label)


def recall(prompts: PromptSet, choice: Choice) -> Selection:
    """The version that was chosen. Raises UnknownPrompt where it is gone, or a draft that was edited since."""
    wanted = choice.prompt
    prompt = by_version(prompts, wanted.name, wanted.version, allow_drafts=True).prompt
    if prompt.digest != wanted.digest:
        raise UnknownPrompt(
            f"The draft {wanted.name}@{wanted.version} was edited after it was chosen for this request. "
            "Send the request again, or name a released version."
        )
    return Selection(prompt, wanted.label)
