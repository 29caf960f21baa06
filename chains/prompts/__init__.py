"""Versioned prompt templates: parsed, checked, compiled and rendered within bounds. Knows no model."""

from chains.prompts.contract import contract_problems
from chains.prompts.labels import CANARY, PRODUCTION
from chains.prompts.parameters import ModelParameters
from chains.prompts.registry import PromptSet, load_prompt_set
from chains.prompts.selection import Selection, select
from chains.prompts.serving import load_served_set
from chains.prompts.version import PromptVersion

__all__ = [
    "CANARY",
    "PRODUCTION",
    "ModelParameters",
    "PromptSet",
    "PromptVersion",
    "Selection",
    "contract_problems",
    "load_prompt_set",
    "load_served_set",
    "select",
]
