"""The words by which a model is told of a type: `CREDIT_CARD` is a name for programs, a credit card is a thing."""

from collections import Counter
from collections.abc import Mapping, Sequence

import regex

from chains.tasks.extract.contract import EntityType

__all__ = ["described", "spoken_names"]

_SNAKE = regex.compile(r"[A-Za-z][A-Za-z0-9]*(?:[_-][A-Za-z0-9]+)+|[A-Z][A-Z0-9]{2,}")
_CAMEL = regex.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ONE_WORD = regex.compile(r"[A-Za-z][a-z]*(?:[A-Z][a-z]+)+")
_OPAQUE = regex.compile(r"[A-Za-z]{0,2}[0-9_-]*")
_LONGEST = 60
# Abbreviations and compounds that the usual tag sets have: OntoNotes, ACE, CoNLL, Presidio.
_USUAL = {
    "PER": "person",
    "ORG": "organization",
    "LOC": "location",
    "FAC": "building",
    "NORP": "nationality",
    "NRP": "nationality",
    "DOB": "date of birth",
    "SSN": "social security number",
    "US_SSN": "social security number",
}


def spoken_names(types: Sequence[EntityType]) -> Mapping[str, str]:
    """The name of each type by the words that the model sees in its place; no two types share their words.

    A name in the manner of programs is written as words (`PHONE_NUMBER`, `phoneNumber`: phone number), and so are the
    usual abbreviations (`ORG`: organization); of one that says nothing (`T1`) the description takes the place. Others
    stay as they are, and so do those that would be spoken alike (`credit-card` and `CREDIT_CARD`).
    """
    words = {kind.name: _spoken(kind) for kind in types}
    names = {kind.name.casefold() for kind in types}
    while True:
        counts = Counter(spoken.casefold() for spoken in words.values())
        alike = {
            name
            for name, spoken in words.items()
            if spoken != name and (counts[spoken.casefold()] > 1 or spoken.casefold() in names - {name.casefold()})
        }
        if not alike:
            return {spoken: name for name, spoken in words.items()}
        words |= {name: name for name in alike}


def described(spoken: str, kind: EntityType) -> dict[str, str]:
    """What a prompt is told of a type: its words, and what belongs to it, with the caller's examples."""
    description = kind.description or ""
    if _matches(spoken, description):
        description = ""
    examples = f"such as {', '.join(kind.examples)}" if kind.examples else ""
    return {"name": spoken, "description": ", ".join(filter(None, [description, examples]))}


def _matches(spoken: str, description: str) -> bool:
    return " ".join(description.split()).rstrip(".") == spoken


def _spoken(kind: EntityType) -> str:
    description = " ".join((kind.description or "").split())
    if _OPAQUE.fullmatch(kind.name) and 0 < len(description) <= _LONGEST:
        return description.rstrip(".")
    if kind.name in _USUAL:
        return _USUAL[kind.name]
    if _ONE_WORD.fullmatch(kind.name):
        return " ".join(_CAMEL.split(kind.name)).lower()
    if _SNAKE.fullmatch(kind.name):
        return kind.name.replace("_", " ").replace("-", " ").lower()
    return kind.name
