"""What a summary tells and its source doesn't: numbers, dates and names."""

from chains.tasks.summarize.contract import UnsupportedFact, UnsupportedKind
from chains.text import StringIndexType, Utf16Index
from chains.text.facts import FactKind, missing

__all__ = ["unsupported"]

_KINDS = {FactKind(kind.value) for kind in UnsupportedKind}


def unsupported(summary: str, source: str, unit: StringIndexType) -> list[UnsupportedFact]:
    """The numbers, dates and names of the summary that the source lacks; offsets are in the given unit."""
    index = Utf16Index(summary) if unit is StringIndexType.UTF16 else None
    found = []
    for fact in missing(summary, source, _KINDS):
        offset, after = (index.offset(fact.start), index.offset(fact.end)) if index else (fact.start, fact.end)
        kind = UnsupportedKind(fact.kind.value)
        found.append(UnsupportedFact(text=fact.text, offset=offset, length=after - offset, kind=kind))
    return sorted(found, key=lambda fact: fact.offset)
