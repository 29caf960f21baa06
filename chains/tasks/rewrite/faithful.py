"""What a rewriting lost of its source, and which of two rewritings is the better one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from chains.tasks.rewrite.answer import is_copy, quotes_the_prompt
from chains.tasks.rewrite.contract import LostFact, RewriteRequest
from chains.tasks.rewrite.language import is_foreign
from chains.text.facts import Fact, FactKind, Told, missing

__all__ = ["Rewriting", "better", "judged", "lost_facts", "wanting"]


@dataclass(frozen=True, slots=True)
class Rewriting:
    """A text, the facts of its source that it lost, how many it has that nobody gave, and whether it is in another
    language than its source."""

    text: str
    lost: Sequence[Fact]
    invented: int
    foreign: bool


def judged(text: str, source: str, request: RewriteRequest) -> Rewriting:
    """What became of the source. An instruction may ask for another language, so then none is foreign."""
    foreign = not request.instruction and is_foreign(text, source)
    told, written = Told(source), Told(text)
    wishes = request.instruction or "", request.audience or ""
    given = Told("\n".join((source, *wishes))) if any(wishes) else told
    return Rewriting(text, missing(told, written, request.watched), len(missing(written, given)), foreign)


def wanting(first: Rewriting, request: RewriteRequest) -> list[str]:
    """What is worth asking for again: lost facts as they stand in the source, each once. Not those in whose place the
    rewriting has facts of the instruction: a new price makes the old one go."""
    asked = Told(request.instruction or "")
    gone = {fact.text for fact in missing(asked, first.text)}
    replaced = {fact.kind for fact in asked.facts() if fact.text not in gone}
    insisted = request.insisted
    return list(dict.fromkeys(f.text for f in first.lost if f.kind in insisted and f.kind not in replaced))


def better(first: Rewriting, second: Rewriting, source: str, kinds: Collection[FactKind]) -> Rewriting:
    """The second one only where it lost less, invents no more, kept the language and is neither a mere copy of the
    source nor a piece of the prompt."""
    if second.invented > first.invented or quotes_the_prompt(second.text, source):
        return first
    if second.foreign != first.foreign:
        return first if second.foreign else second
    if _count(second, kinds) >= _count(first, kinds) or is_copy(second.text, source):
        return first
    return second


def lost_facts(rewriting: Rewriting) -> tuple[LostFact, ...]:
    """Each lost fact once, in the order of the source."""
    lost = {(fact.text, fact.kind): None for fact in rewriting.lost}
    return tuple(LostFact(text=text, kind=kind) for text, kind in lost)


def _count(rewriting: Rewriting, kinds: Collection[FactKind]) -> int:
    return len({(fact.kind, fact.text) for fact in rewriting.lost if fact.kind in kinds})
