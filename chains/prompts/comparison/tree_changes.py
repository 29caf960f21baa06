"""Which branches differ between two template trees."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from chains.prompts.comparison.trees import Block, Item, Tree

__all__ = ["changed_blocks"]


def changed_blocks(before: Tree, after: Tree) -> tuple[set[int], set[int]]:
    """The numbers of the blocks that differ, in the old tree and in the new one; none where the trees are equal.

    The trees have the same sections. A piece that differs marks the blocks around it in both trees, and all blocks
    inside it; where it sets names, all blocks of its section, since any of them may read what was set. A statement or
    an expression with the same guards is taken apart, and only its blocks are compared.
    """
    all_marks = [_Marks(old, new) for old, new in zip(before.sections, after.sections, strict=True)]
    for marks in all_marks:
        marks.compare(marks.old, marks.new)
    return set().union(*(marks.before for marks in all_marks)), set().union(*(marks.after for marks in all_marks))


@dataclass(slots=True)
class _Marks:
    """What is marked in one section: its old and its new block."""

    old: Block
    new: Block
    before: set[int] = field(default_factory=set)
    after: set[int] = field(default_factory=set)

    def compare(self, old: Block, new: Block) -> None:
        """Two blocks with the same guard."""
        for gone, come in _differences([item.form for item in old.items], [item.form for item in new.items]):
            self._replaced(old, new, old.items[gone], new.items[come])

    def _replaced(self, old: Block, new: Block, gone: Sequence[Item], come: Sequence[Item]) -> None:
        unpaired_gone, unpaired_come = list(gone), list(come)
        matcher = SequenceMatcher(None, [item.kind for item in gone], [item.kind for item in come], autojunk=False)
        for start, other, size in matcher.get_matching_blocks():
            for one, two in zip(gone[start : start + size], come[other : other + size], strict=True):
                if one.divided and two.divided:
                    self._divided(old, new, one, two)
                    unpaired_gone.remove(one)
                    unpaired_come.remove(two)
        if unpaired_gone or unpaired_come:
            self._mark(old, new, unpaired_gone, unpaired_come)

    def _divided(self, old: Block, new: Block, one: Item, two: Item) -> None:
        same = 0
        for left, right in zip(one.blocks, two.blocks, strict=False):
            if left.guard != right.guard:
                break
            self.compare(left, right)
            same += 1
        if same < max(len(one.blocks), len(two.blocks)):
            self._mark(old, new, _rest(one, same), _rest(two, same))

    def _mark(self, old: Block, new: Block, gone: Sequence[Item], come: Sequence[Item]) -> None:
        sets = any(map(_sets_names, (*gone, *come)))
        self.before.update({old.number}, _numbers([self.old] if sets else _blocks_of(gone)))
        self.after.update({new.number}, _numbers([self.new] if sets else _blocks_of(come)))


def _rest(item: Item, start: int) -> list[Item]:
    return [Item(item.kind, item.form, item.blocks[start:])]


def _sets_names(item: Item) -> bool:
    return item.kind == "Assign" or any(_sets_names(inner) for block in item.blocks for inner in block.items)


def _differences(old: Sequence[object], new: Sequence[object]) -> Iterator[tuple[slice, slice]]:
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for tag, start, end, other_start, other_end in matcher.get_opcodes():
        if tag != "equal":
            yield slice(start, end), slice(other_start, other_end)


def _blocks_of(items: Iterable[Item]) -> Iterator[Block]:
    return (block for item in items for block in item.blocks)


def _numbers(blocks: Iterable[Block]) -> Iterator[int]:
    for block in blocks:
        yield block.number
        yield from _numbers(block.guarding)
        yield from _numbers(_blocks_of(block.items))
