"""A chat template's skeleton: what stands around the contents of the messages.

llama.cpp's chat endpoint renders contents and control strings to one text before it tokenizes, so an `<|im_end|>`
in a caller's text becomes the real control token. Here the template is rendered without the contents: a
placeholder stands for each, and the text is split at the placeholders. The pieces around them are tokenized with
control tokens, the contents without.
"""

from collections.abc import Sequence

__all__ = ["placeholders", "split_skeleton"]


def placeholders(count: int) -> list[str]:
    """Stand-ins for `count` contents. No content is near when they are used, so they can't be mistaken for one."""
    return [f"[[content {position}]]" for position in range(count)]


def split_skeleton(rendered: str, marks: Sequence[str]) -> list[str]:
    """The pieces before, between and after the marks, `len(marks) + 1` of them.

    Raises ValueError where the template left a mark out, used it twice or changed their order.
    """
    pieces, rest = [], rendered
    for mark in marks:
        before, found, rest = rest.partition(mark)
        if not found or mark in rest:
            raise ValueError("the model's chat template doesn't give every message once and in order")
        pieces.append(before)
    return [*pieces, rest]
