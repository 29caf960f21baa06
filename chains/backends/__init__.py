"""The backends: each kind is one module that defines its configuration, and one line in the table below.

A kind's module is imported when a configuration names it, and not before, so that a service pays only for the
SDKs that it uses.
"""

from importlib import import_module

from chains.backends.configuration import BackendConfig

__all__ = ["KINDS", "BackendConfig", "configuration_class"]

KINDS = {
    "embedded": "chains.backends.embedded.configuration:EmbeddedConfig",
    "langchain": "chains.backends.langchain_provider.configuration:LangChainConfig",
    "ollama": "chains.backends.ollama.configuration:OllamaConfig",
    "openai": "chains.backends.openai.configuration:OpenAIConfig",
    "replay": "chains.backends.replay.configuration:ReplayConfig",
    "scripted": "chains.backends.scripted:ScriptedConfig",
}


def configuration_class(kind: str) -> type[BackendConfig]:
    """The configuration model of a kind. Raises KeyError for a kind that isn't in the table."""
    module, _, name = KINDS[kind].partition(":")
    found: type[BackendConfig] = getattr(import_module(module), name)
    return found
