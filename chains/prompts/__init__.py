"""Versioned prompt templates: parsed, checked, compiled and rendered within bounds. Knows no task and no model."""

from chains.prompts.parameters import ModelParameters
from chains.prompts.registry import PromptSet, load_prompt_set
from chains.prompts.version import PromptVersion

__all__ = ["ModelParameters", "PromptSet", "PromptVersion", "load_prompt_set"]
