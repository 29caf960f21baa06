"""The processes of the parsers, as Linux shows them."""

from pathlib import Path

__all__ = ["children", "is_alive"]


def is_alive(pid: int) -> bool:
    """Whether the process exists and has not ended."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def children(pid: int) -> list[int]:
    """The living children of a process, as far as they are parsers or fork servers."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != pid:
            try:
                parent = (entry / "status").read_text().partition("PPid:\t")[2].partition("\n")[0]
                command = (entry / "cmdline").read_text()
            except OSError:
                continue
            if parent == str(pid) and "chains.parsing.server" in command and is_alive(int(entry.name)):
                found.append(int(entry.name))
    return found
