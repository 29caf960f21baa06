"""Runs a module, and looks where it is whenever it has used a tick of the kernel's clock (4 ms of CPU time, or 1).

`python -m bench.side_by_side.sampler FILE -m MODULE ARGUMENT...`. It begins at SIGUSR1; in the end the file has, as
JSON, each stack that was seen, innermost function first, and how often. Only the main thread is seen. What C code
takes counts for the function that called it.
"""

import json
import runpy
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

__all__ = ["main"]

_EVERY_S = 0.001
_Stack = tuple[tuple[str, int, str], ...]


def main(arguments: list[str]) -> None:
    file, _, module, *rest = arguments
    seen: Counter[_Stack] = Counter()

    def look(_: int, frame: FrameType | None) -> None:
        stack = []
        while frame is not None:
            code = frame.f_code
            stack.append((code.co_filename, code.co_firstlineno, code.co_qualname))
            frame = frame.f_back
        seen[tuple(stack)] += 1

    signal.signal(signal.SIGPROF, look)
    # The timer counts CPU time, so that other work on the machine isn't seen (setitimer(2), ITIMER_PROF).
    signal.signal(signal.SIGUSR1, lambda *_: signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S))
    sys.argv = [module, *rest]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        Path(file).write_text(json.dumps([[stack, count] for stack, count in seen.items()]), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
