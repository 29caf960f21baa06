"""Which files of a prompt folder are looked at: hidden ones and those that end with ~ are editors'."""

from collections.abc import Sequence

__all__ = ["DEEPEST", "EVIDENCE", "is_hidden", "why_unseen"]

DEEPEST = 6
"""How many folders deep below the prompt folder a file may lie."""

EVIDENCE = "evidence"
"""The folder of the evidence records, which serve nothing."""


def is_hidden(name: str) -> bool:
    return name.startswith(".") or name.endswith("~")


def why_unseen(parts: Sequence[str]) -> str | None:
    """Why edits of a file, given by the parts of its path below the prompt folder, go unnoticed; None if they don't."""
    if parts[0] == EVIDENCE:
        return f"lies under {EVIDENCE}/, which serves nothing"
    hidden = next(filter(is_hidden, parts), None)
    if hidden is not None:
        return f"is hidden: {hidden!r} begins with a dot or ends with ~"
    if len(parts) - 1 > DEEPEST:
        return f"lies more than {DEEPEST} folders deep"
    return None
