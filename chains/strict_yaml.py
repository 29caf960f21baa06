"""YAML as data only: bounded, no aliases, no tags, no repeated keys, JSON values, errors with their place."""

import math
import re
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
_LARGEST_INTEGER = 1 << 64
_LONGEST_KEY = 1024
_LONGEST_QUOTE = 80
_MOST_TO_READ_AGAIN = 1 << 16
_DIRECTIVE = re.compile("(?:^|[\r\n\x85\u2028\u2029])%")


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
        tag = getattr(event, "tag", None)
        if tag is not None:
            said = _quoted(tag.replace("tag:yaml.org,2002:", "!!"))
            message = f"the tag {said} is not allowed; put a text that begins with ! in quotes"
            raise YamlError.at(event.start_mark, message)
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
                said = f"the key {_quoted(key.value)}" if isinstance(key, yaml.ScalarNode) else f"a {key.id} as key"
                raise YamlError.at(key.start_mark, f"{said} is not a text; put it in quotes")
            if len(key.value) > _LONGEST_KEY:
                raise YamlError.at(key.start_mark, f"a key is longer than {_LONGEST_KEY} characters")
            if key.value in keys:
                raise YamlError.at(key.start_mark, f"the key {_quoted(key.value)} stands twice")
            keys.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        try:
            number = int(super().construct_yaml_int(node))
        except ValueError:  # 0x_, or thousands of digits
            number = _LARGEST_INTEGER
        if abs(number) >= _LARGEST_INTEGER:
            raise YamlError.at(node.start_mark, f"{_shortened(node.value)} is not a whole number of at most 64 bits")
        return number

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        try:
            number = float(super().construct_yaml_float(node))
        except OverflowError:  # sixties of sixties, as in 1:59:59.5
            number = math.inf
        if not math.isfinite(number):
            raise YamlError.at(node.start_mark, f"{_shortened(node.value)} is not a number of JSON's")
        return number


_Strict.yaml_constructors = {
    **yaml.SafeLoader.yaml_constructors,
    "tag:yaml.org,2002:int": _Strict.construct_yaml_int,
    "tag:yaml.org,2002:float": _Strict.construct_yaml_float,
}
# Dates would become objects that JSON doesn't have; they stay texts, as do << and =.
_Strict.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":merge", ":value"))]
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
    directive = _DIRECTIVE.search(text)
    if directive is not None:
        line = text.count("\n", 0, directive.end()) + 1
        raise YamlError("a line may not begin with %, which opens a directive of YAML's", line)
    try:
        return _value(_FastLoader(text))
    except (yaml.YAMLError, ValueError) as error:
        raise _told(text) or _translated(error, text) from error


def _value(loader: _FastLoader | _TellingLoader) -> Any:
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _told(text: str) -> YamlError | None:
    """What Python's parser finds wrong with a text that libyaml refused; None where it would take it, or take long."""
    if len(text) > _MOST_TO_READ_AGAIN:
        return None
    try:
        _value(_TellingLoader(text))
    except YamlError as error:
        return error
    except yaml.YAMLError as error:
        return _translated(error, text)
    except (ValueError, OverflowError):  # an escape that is no character
        return None
    return None


def _translated(error: Exception, text: str) -> YamlError:
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position].split("\n")
        message = f"not valid YAML: the character {hex(ord(text[error.position]))} is not allowed"
        return YamlError(message, len(before), len(before[-1]) + 1)
    if isinstance(error, yaml.MarkedYAMLError):
        reason = " ".join(filter(None, (error.context, error.problem)))
        return YamlError.at(error.problem_mark or error.context_mark, f"not valid YAML: {_shortened(reason, 300)}")
    return YamlError(f"not valid YAML: {_shortened(str(error), 300)}")


def _quoted(text: str) -> str:
    return repr(_shortened(text))


def _shortened(text: str, most: int = _LONGEST_QUOTE) -> str:
    return text if len(text) <= most else f"{text[:most]}..."
