"""What the overhead may be (issue 8)."""

from collections.abc import Sequence

from bench.side_by_side.canned import AFTER_60_MS, AT_ONCE
from bench.side_by_side.results import Aim, Row
from bench.side_by_side.sections.judged import Figures

__all__ = ["US", "aims"]

US, DIRECT = "copydesk", "direct"
_PEERS = (("mlflow", "MLflow's gateway", 1), ("portkey", "Portkey's gateway", 1))
_TIMES = (("litellm", "LiteLLM's proxy", 5), ("langserve", "LangServe", 4))


def aims(rows: Sequence[Row]) -> list[Aim]:
    figures = Figures(rows)
    busy, alone = f"{AT_ONCE}, 16", f"{AT_ONCE}, 1"
    found = [
        figures.times(f"ahead of {name} at 16 connections", US, peer, busy, bound=bound) for peer, name, bound in _PEERS
    ]
    found += [
        figures.times(f"{bound} times {name} or more at 16 connections", US, peer, busy, bound=bound)
        for peer, name, bound in _TIMES
    ]
    found.append(figures.above("p50 at one connection", US, DIRECT, alone, bound=1.5, unit="ms"))
    found.append(figures.at_most("p99 at 16 connections", US, busy, "p99", bound=25, unit="ms"))
    found += [
        figures.above(f"p50 of a backend of 60 ms, {count}", US, DIRECT, f"{AFTER_60_MS}, {count}", bound=2, unit="ms")
        for count in (1, 16)
    ]
    text = "1,000 requests/s of a core: CPU time of a request"
    found.append(figures.at_most(text, US, busy, "CPU", bound=1, unit="ms", binding=False))
    return found
