"""YAML as data only: bounded, no aliases, no repeated keys, JSON values, errors with their line."""

from collections.abc import Hashable
from typing import Any

import yaml

__all__ = ["YamlError", "load_yaml"]

_MOST_CHARACTERS = 1 << 18
_DEEPEST = 32


class YamlError(Exception):
    """What is wrong, and the line (from 1) within the text."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, without what a prompt's author never means."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise YamlError("anchors and aliases are not allowed", event.start_mark.line + 1)
        if self.depth >= _DEEPEST:
            raise YamlError(f"nested more than {_DEEPEST} levels deep", event.start_mark.line + 1)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys: set[str] = set()
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.tag != "tag:yaml.org,2002:str":
                raise YamlError(f"the key {key.value!r} is not a text; put it in quotes", line)
            if key.value in keys:
                raise YamlError(f"the key {key.value!r} stands twice", line)
            keys.add(key.value)
        return super().construct_mapping(node, deep)


# Dates would become objects that JSON doesn't have; they stay texts.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":merge"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_yaml(text: str) -> Any:
    """The value of one YAML document. Raises YamlError."""
    if len(text) > _MOST_CHARACTERS:
        raise YamlError(f"longer than {_MOST_CHARACTERS} characters")
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = " ".join(filter(None, (error.context, error.problem)))
        raise YamlError(f"not valid YAML: {reason}", mark.line + 1 if mark else 1) from error
    except (yaml.YAMLError, ValueError) as error:
        raise YamlError(f"not valid YAML: {error}") from error
    finally:
        loader.dispose()
