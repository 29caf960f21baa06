"""1,000 faults at random over 10,000 requests through the real service: what became of them, and what is left over.

Run it on a machine that does nothing else: `python bench/faults.py [REQUESTS [RUNS]]`. A run of 10,000 takes about
three minutes. The upstreams are a script inside the service and the test kit's Ollama server in this process; a tenth
of the calls fails, for one second in ten most of those to the server. Ends with 1 where anything is wrong.
"""

import gc
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.e2e.fault_run import Report, run

REQUESTS, RUNS = 10_000, 1


def main() -> int:
    given = [int(argument) for argument in sys.argv[1:]]
    requests, runs = [*given, *(REQUESTS, RUNS)[len(given) :]]
    gc.freeze()  # the callers' clock is in this process
    is_clean = True
    for seed in range(1, runs + 1):
        start = time.perf_counter()
        with TemporaryDirectory() as folder:
            report = run(Path(folder), requests, seed, until_pools_close=True)
        is_clean &= told(report, f"seed {seed}, {time.perf_counter() - start:.0f} s")
    return 0 if is_clean else 1


def told(report: Report, name: str) -> bool:
    """Print the report; whether it is clean."""
    faults = ", ".join(f"{count} at {backend}" for backend, count in report.faults.items())
    print(f"{len(report.outcomes)} requests ({name}); {sum(report.faults.values())} faults met: {faults}\n")
    rows = [
        *report.codes.most_common(),
        ("ok after a failed try", report.served(lambda meta: meta.get("attempts"))),
        ("ok, shared", report.served(lambda meta: meta["cache"] == "shared")),
        ("end after the deadline, as callers saw it: p99, worst", late(report.excesses_s)),
        ("the same by the service's log: p99, worst", late(report.own_excesses_s)),
        ("the callers' process stood still, worst", f"{report.stall_s * 1000:.0f} ms"),
        ("RSS", ", ".join(f"{rss:.1f} MiB after {count}" for count, rss in report.rss_mib.items())),
        ("leaks", len(report.leaks)),
        ("unforeseen in the log", len(report.unforeseen)),
    ]
    print("| outcome | count |\n| --- | --- |")
    for row in rows:
        print("| {} | {} |".format(*row))
    bad = [*report.wrong, *report.leaks, *report.unforeseen]
    print("\n" + ("\n".join(bad) or "Nothing wrong.") + "\n", flush=True)
    return not bad


def late(excesses_s: Sequence[float]) -> str:
    """Of those that ended after their deadline."""
    after = sorted(excess for excess in excesses_s if excess > 0)
    if not after:
        return "none did"
    return f"{after[math.ceil(len(after) * 0.99) - 1] * 1000:.0f}, {after[-1] * 1000:.0f} ms of {len(after)}"


if __name__ == "__main__":
    sys.exit(main())
