"""Where a value stands in a YAML file that was read before; only those who report something want to know."""

from functools import cached_property

import yaml

__all__ = ["YamlPlaces", "place_in_yaml"]

_Keys = dict[str, tuple[yaml.Mark, yaml.Node]]


class YamlPlaces:
    """The places of a text's values. It is parsed when the first one is asked for."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._keys: dict[int, _Keys] = {}

    def find(self, *keys: str | int) -> tuple[int, int]:
        """Line and column (from 1) of the value that these keys and indexes lead to: of its key, or of the item.

        Where they lead no further, the place that was reached.
        """
        node = self._root
        mark = node.start_mark if node is not None else None
        for key in keys:
            if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
                node = node.value[key]
                mark = node.start_mark
            elif isinstance(node, yaml.MappingNode):
                found = self._keys_of(node).get(str(key))
                mark, node = found if found is not None else (mark, None)
        return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)

    @cached_property
    def _root(self) -> yaml.Node | None:
        root: yaml.Node | None = yaml.compose(self._text, Loader=yaml.CSafeLoader)
        return root

    def _keys_of(self, node: yaml.MappingNode) -> _Keys:
        if id(node) not in self._keys:
            self._keys[id(node)] = {str(name.value): (name.start_mark, value) for name, value in node.value}
        return self._keys[id(node)]


def place_in_yaml(text: str, *keys: str | int) -> tuple[int, int]:
    """The same for one value."""
    return YamlPlaces(text).find(*keys)
