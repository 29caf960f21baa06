"""Which version answers a request: the one it names, the one its label serves, the canary or production."""

from dataclasses import dataclass

from semver import Version

from chains.errors import UnknownPrompt
from chains.prompts.labels import CANARY, PRODUCTION, is_label, takes_canary
from chains.prompts.registry import PromptSet
from chains.prompts.version import PromptVersion

__all__ = ["Selection", "by_label", "by_version", "select"]

_LONGEST_QUOTE = 100


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
        return by_version(prompts, name, wanted, allow_drafts=allow_drafts)
    targets = prompts.labels.get(name, {})
    label = wanted if wanted is not None else PRODUCTION
    if not is_label(label):
        prompts.versions(name)
        what = f"{label[:_LONGEST_QUOTE]!r} is neither a version (1.0.0) nor a label of the prompt {name!r}."
        raise UnknownPrompt(f"{what} {_labels(prompts, name)}")
    if wanted is None and CANARY in targets:
        canary = targets[CANARY]
        assert canary.percent is not None
        if takes_canary(canary.percent, name, canary.version, caller, session or ""):
            label = CANARY
    return by_label(prompts, name, label)


def by_version(prompts: PromptSet, name: str, version: str, *, allow_drafts: bool = False) -> Selection:
    """The version of that name. Where drafts aren't allowed, a draft is told from what doesn't exist in no way.

    Raises UnknownPrompt.
    """
    shown = [prompt for prompt in prompts.versions(name) if allow_drafts or prompts.is_released(prompt)]
    for prompt in shown:
        if prompt.version == version:
            return Selection(prompt, None)
    quoted = f"{version[:_LONGEST_QUOTE]!r}"
    missing = f"The prompt {name!r} has no {'' if allow_drafts else 'released '}version {quoted}."
    known = ", ".join(prompt.version for prompt in shown)
    there = f"Its versions are: {known}." if known else "It has none."
    raise UnknownPrompt(f"{missing} {there} {_labels(prompts, name)}")


def by_label(prompts: PromptSet, name: str, label: str) -> Selection:
    """What a label serves. Raises UnknownPrompt."""
    prompts.versions(name)
    targets = prompts.labels.get(name, {})
    if label not in targets:
        raise UnknownPrompt(f"The prompt {name!r} has no label {label[:_LONGEST_QUOTE]!r}. {_labels(prompts, name)}")
    return Selection(prompts.get(name, targets[label].version), label)


def _labels(prompts: PromptSet, name: str) -> str:
    labels = prompts.labels.get(name, {})
    return f"Its labels are: {', '.join(labels)}." if labels else "It has no labels."
