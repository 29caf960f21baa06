"""Where a value stands in a YAML file that was read before; only those who report something want to know."""

import yaml

__all__ = ["place_in_yaml"]


def place_in_yaml(text: str, *keys: str | int) -> tuple[int, int]:
    """Line and column (from 1) of the value that these keys and indexes lead to: of its key, or of the item.

    Where they lead no further, the place that was reached.
    """
    node = yaml.compose(text, Loader=yaml.CSafeLoader)
    mark = node.start_mark if node is not None else None
    for key in keys:
        if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            mark = node.start_mark
        elif isinstance(node, yaml.MappingNode):
            pairs = ((name.start_mark, value) for name, value in node.value if name.value == key)
            mark, node = next(pairs, (mark, None))
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
