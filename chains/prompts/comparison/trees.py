"""A prompt's templates as trees of blocks: partials inlined, comments gone, every branch with its place.

A block is a run of items that is executed or skipped as a whole; an item is a piece of text, an expression or a
statement, and may hold blocks itself. Moving text into a partial leaves the tree as it is. Only where names are set
does a partial keep its borders, since they decide what a name means.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

__all__ = ["MARK", "Block", "Branch", "Item", "Tree"]

MARK = "_reached"
"""The filter through which the marked templates pass, with a block's number, where the block is executed."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A part of a template that some renders skip: `if style == "headline"`. `line` is the file's, from 1."""

    path: Path
    line: int
    description: str


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """What one branch holds. `guard` decides whether it is executed, and may have branches of its own."""

    number: int
    guard: Hashable
    guarding: tuple["Block", ...]
    items: tuple["Item", ...]

    @property
    def form(self) -> Hashable:
        return self.guard, *(item.form for item in self.items)


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A piece of a block. Equal forms mean the same. Where `divided`, it is nothing but its kind and its blocks."""

    kind: str
    form: Hashable
    blocks: tuple[Block, ...] = ()
    divided: bool = False


@dataclass(frozen=True, slots=True)
class Tree:
    """A block for each role section. `branches` and `places` are by the blocks' numbers: the branch, and what is
    equal where one branch of a partial is included several times. `marked` are the sections' templates, in which
    every block passes the filter MARK of `environment`, which whoever compiles them adds; they include the templates
    of `partials`, one for each include, by the names that they have here.
    """

    sections: tuple[Block, ...]
    branches: Sequence[Branch]
    places: Sequence[Hashable]
    marked: Sequence[nodes.Template]
    partials: Mapping[str, nodes.Template]
    environment: ImmutableSandboxedEnvironment
