"""How long the verdict on a large evaluation takes: 5,000 cases, six gated metrics of all kinds. Prints seconds.

`--cases 20000` for more. Aimed at: under 5 s.
"""

import argparse
import random
import resource
import sys
import time
from collections.abc import Callable

from eval.statistics.paired import Paired, Value
from eval.statistics.resampled import label_counts, macro_f1, micro_f1
from eval.statistics.verdict import compare_all, overall

_LABELS = [f"label-{number}" for number in range(12)]


def _entities(chance: random.Random) -> Value:
    hits = chance.randint(0, 4)
    return float(hits), float(hits + chance.randint(0, 1)), float(hits + chance.randint(0, 1))


def _labels(chance: random.Random, expected: str) -> Value:
    given = expected if chance.random() < 0.8 else chance.choice(_LABELS)
    return label_counts([expected], [given], _LABELS)


def _metrics(cases: int) -> list[Paired]:
    chance = random.Random(7)
    right = [chance.choice(_LABELS) for _ in range(cases)]

    def twice(one: Callable[[str], Value]) -> tuple[list[Value], list[Value]]:
        return [one(label) for label in right], [one(label) for label in right]

    return [
        Paired("accuracy", "binary", *twice(lambda _: chance.random() < 0.8)),
        Paired("facts stated", "binary", *twice(lambda _: chance.random() < 0.9)),
        Paired("rouge", "continuous", *twice(lambda _: chance.betavariate(3, 3))),
        Paired("length", "continuous", *twice(lambda _: chance.gauss(0.5, 0.1))),
        Paired("entities", "counts", *twice(lambda _: _entities(chance)), score=micro_f1),
        Paired("labels", "counts", *twice(lambda label: _labels(chance, label)), score=macro_f1),
    ]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=5_000)
    cases = parser.parse_args().cases
    metrics = _metrics(cases)
    for turn in ("first, with the import of scipy", "again"):
        start, spent = time.perf_counter(), time.process_time()
        found = compare_all(metrics)
        wall, processor = time.perf_counter() - start, time.process_time() - spent
        print(f"{cases} cases, {len(metrics)} metrics, {turn}: {wall:.2f} s, of the processor {processor:.2f} s")
    print(
        f"verdict {overall(found).value}, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB at most"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
