"""Which version answers a request: the one it names, the one its label serves, the canary or production."""

from dataclasses import dataclass

from semver import Version

from chains.errors import UnknownPrompt
from chains.prompts.labels import CANARY, PRODUCTION, is_label, takes_canary
from chains.prompts.registry import PromptSet
from chains.prompts.version import PromptVersion

__all__ = ["Selection", "select"]


@dataclass(frozen=True, slots=True)
class Selection:
    """A version, and the label under which it was found; none where the request named the version itself."""

    prompt: PromptVersion
    label: str | None


def select(
    prompts: PromptSet,
    name: str,
    wanted: str | None = None,
    *,
    caller: str = "",
    session: str | None = None,
    allow_drafts: bool = False,
) -> Selection:
    """The version of a prompt for one request.

    `wanted` is a version or a label. Without it the production label serves, or the canary: a hash of `caller`
    (the key's id) and `session` decides, so that one conversation never changes sides.

    Raises UnknownPrompt where the prompt, the version or the label doesn't exist, and for a draft where drafts
    aren't allowed.
    """
    if wanted is not None and Version.is_valid(wanted):
        prompt = prompts.get(name, wanted)
        if not allow_drafts and not prompts.is_released(prompt):
            raise UnknownPrompt(
                f"{prompt} is a draft, and this service serves no drafts (prompts.allow_drafts is off). "
                "Name a released version or a label."
            )
        return Selection(prompt, None)
    prompts.versions(name)
    targets = prompts.labels.get(name, {})
    label = wanted if wanted is not None else PRODUCTION
    if wanted is None and CANARY in targets:
        canary = targets[CANARY]
        assert canary.percent is not None
        if takes_canary(canary.percent, name, canary.version, caller, session or ""):
            label = CANARY
    if label not in targets:
        raise UnknownPrompt(_no_label(name, label, list(targets)))
    return Selection(prompts.get(name, targets[label].version), label)


def _no_label(name: str, label: str, known: list[str]) -> str:
    there = f"Its labels are: {', '.join(known)}." if known else "It has no labels."
    if not is_label(label):
        return f"{label[:100]!r} is neither a version (1.0.0) nor a label of the prompt {name!r}. {there}"
    return f"The prompt {name!r} has no label {label!r}. {there}"
