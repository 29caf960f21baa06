"""What a release, a promotion and a rollback begin with: a prompt folder that is the author's own, and that loads."""

from pathlib import Path

import chains
from chains.errors import ConfigurationError, PromptError, PromptSetError, Reason, StepRefused
from chains.prompts.linting.rules import RULES
from chains.prompts.registry import PromptSet, load_prompt_set

__all__ = ["load_for", "reason_of"]


def load_for(step: str, folder: Path) -> PromptSet:
    """The prompts of a folder that a step is to write to.

    Raises ConfigurationError for the prompts inside the installed package, whose next version would undo any step,
    and StepRefused with every error of the folder where it can't be loaded.
    """
    package = Path(chains.__file__).parent.resolve()
    if folder.resolve().is_relative_to(package):
        raise ConfigurationError(
            f"{folder}: these prompts belong to the installed package, whose next version would undo the step; copy "
            f"them first: cp -r {folder} prompts (./prompts is found by itself, else set prompts.dir)"
        )
    try:
        return load_prompt_set(folder)
    except PromptSetError as error:
        raise StepRefused(step, [reason_of("load", problem) for problem in error.errors]) from error


def reason_of(check: str, error: PromptError) -> Reason:
    """What is wrong with a file, as a reason against a step."""
    return Reason(check, str(error.args[0]), error.hint or RULES[error.rule].remedy)
