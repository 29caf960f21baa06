"""YAML as data only: bounded, no aliases, no repeated keys, JSON values, errors with their place."""

import math
from collections.abc import Hashable
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.resolver import Resolver

__all__ = ["YamlError", "load_yaml"]

_MOST_CHARACTERS = 1 << 18
_MOST_NODES = 10_000
_DEEPEST = 32


class YamlError(Exception):
    """What is wrong, and its line and column (from 1) within the text."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(f"line {line}, column {column}: {message}")
        self.message = message
        self.line = line
        self.column = column

    @classmethod
    def at(cls, mark: yaml.Mark | None, message: str) -> "YamlError":
        return cls(message, mark.line + 1, mark.column + 1) if mark else cls(message)


class _Strict(Composer, SafeConstructor, Resolver):
    """PyYAML's safe loader over any parser, without what nobody means."""

    depth = 0
    nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[attr-defined]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise YamlError.at(event.start_mark, "anchors and aliases are not allowed")
        if self.depth >= _DEEPEST:
            raise YamlError.at(event.start_mark, f"nested more than {_DEEPEST} levels deep")
        self.nodes += 1
        if self.nodes > _MOST_NODES:
            raise YamlError.at(event.start_mark, f"holds more than {_MOST_NODES} values")
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys: set[str] = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                said = f"the key {key.value!r}" if isinstance(key, yaml.ScalarNode) else f"a {key.id} as key"
                raise YamlError.at(key.start_mark, f"{said} is not a text; put it in quotes")
            if key.value in keys:
                raise YamlError.at(key.start_mark, f"the key {key.value!r} stands twice")
            keys.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        number = float(super().construct_yaml_float(node))
        if not math.isfinite(number):
            raise YamlError.at(node.start_mark, f"{node.value} is not a number of JSON's")
        return number


# Sets, bytes and the like are no JSON values either; their tags become unknown ones.
_JSON_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "str", "seq", "map"))
_Strict.yaml_constructors = {
    **{tag: make for tag, make in yaml.SafeLoader.yaml_constructors.items() if tag in _JSON_TAGS or tag is None},
    "tag:yaml.org,2002:float": _Strict.construct_yaml_float,
}
# Dates would become objects that JSON doesn't have; they stay texts.
_Strict.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":merge"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _FastLoader(_Strict, CParser):
    """libyaml parses in a tenth of Python's time."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)


class _TellingLoader(_Strict, yaml.SafeLoader):
    """Python's parser says better than libyaml's what is wrong, and where."""


def load_yaml(text: str) -> Any:
    """The value of one YAML document. Raises YamlError."""
    if len(text) > _MOST_CHARACTERS:
        raise YamlError(f"longer than {_MOST_CHARACTERS} characters")
    try:
        return _value(_FastLoader(text))
    except (yaml.YAMLError, ValueError):
        return _told(text)


def _value(loader: _FastLoader | _TellingLoader) -> Any:
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _told(text: str) -> Any:
    try:
        return _value(_TellingLoader(text))
    except yaml.reader.ReaderError as error:
        before = text[: error.position].split("\n")
        message = f"not valid YAML: the character {hex(ord(text[error.position]))} is not allowed"
        raise YamlError(message, len(before), len(before[-1]) + 1) from error
    except yaml.MarkedYAMLError as error:
        reason = " ".join(filter(None, (error.context, error.problem)))
        raise YamlError.at(error.problem_mark or error.context_mark, f"not valid YAML: {reason}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise YamlError(f"not valid YAML: {error}") from error
