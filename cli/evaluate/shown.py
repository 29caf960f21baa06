"""What an evaluation found, on the terminal: verdicts, metrics, flipped cases, bounds, costs."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cli.evaluate.exits import ExitCode
from cli.prompts.display import print_table, table

if TYPE_CHECKING:
    from eval.report import Comparison, Flip, MetricComparison, MetricInfo, Report, VariantReport

__all__ = ["exit_code", "flip_lines", "print_metrics", "print_report"]

_MOST_FLIPS = 8
_LONGEST = 160
_COSTS = ("tokens in", "tokens out", "cost", "median time", "p95 time", "failed")


def exit_code(report: "Report") -> ExitCode:
    """By the report's verdict; PASS where nothing was to be found out."""
    codes = {"REGRESSED": ExitCode.REGRESSED, "INCONCLUSIVE": ExitCode.INCONCLUSIVE}
    return codes.get(report.verdict.value, ExitCode.PASS) if report.verdict else ExitCode.PASS


def print_report(report: "Report") -> None:
    """Each comparison by itself; of three variants or more first all of them beside each other."""
    if len(report.variants) != 2 or not report.comparisons:
        _print_matrix(report)
    for comparison in report.comparisons:
        print()
        _print_comparison(report, comparison)
    if len(report.variants) == 2 and report.comparisons:
        print()
        _print_costs(report.variants)
    _print_bounds(report)
    found = {comparison.verdict.value for comparison in report.comparisons}
    if report.verdict and report.verdict.value == "REGRESSED" and "REGRESSED" not in found:
        print("REGRESSED: a threshold of the suite isn't kept")


def _print_comparison(report: "Report", comparison: "Comparison") -> None:
    print(f"{comparison.verdict.value}: {comparison.candidate}, compared with {comparison.baseline}")
    print_metrics(report, comparison.metrics)
    for line in _remarks(report, comparison):
        print(line)
    for line in flip_lines(comparison.flips):
        print(line)


def print_metrics(report: "Report", metrics: "Sequence[MetricComparison]") -> None:
    shown = table("metric", "before", "after", "difference", "interval", "margin", "cases", "verdict")
    for metric in metrics:
        shown.add_row(metric.metric, *_row(report.metric(metric.metric), metric))
    print_table(shown)


def _row(info: "MetricInfo", metric: "MetricComparison") -> list[str]:
    from eval.reports import figures

    verdict = metric.verdict.value if metric.gated else "not gated"
    if not metric.cases:
        return [*[figures.DASH] * 4, figures.size(info, metric.margin), "0", verdict]
    return [
        figures.value(info, metric.baseline),
        figures.value(info, metric.candidate),
        figures.difference(info, metric.difference),
        figures.interval(info, metric.lower, metric.upper),
        figures.size(info, metric.margin),
        str(metric.cases),
        verdict,
    ]


def _remarks(report: "Report", comparison: "Comparison") -> Iterator[str]:
    from eval.reports import figures

    for metric in comparison.metrics:
        if metric.gated:
            lacks = (
                figures.lacks(report.metric(metric.metric), metric) if metric.verdict.value == "INCONCLUSIVE" else ""
            )
            told = " ".join(part for part in (f"{metric.note}." if metric.note else "", lacks) if part)
            if told:
                yield f"  {metric.metric}: {told}"


def flip_lines(flips: "Sequence[Flip]") -> Iterator[str]:
    """The first losses with both texts, and how many more there are."""
    losses = [flip for flip in flips if flip.is_worse]
    if not flips:
        yield "No case differs in a gated metric."
        return
    counts = f"{_cases(losses)} worse, {_cases([flip for flip in flips if not flip.is_worse])} better"
    yield f"{counts}:" if losses else f"{counts}."
    by_case: dict[str, list[Flip]] = {}
    for flip in losses:
        by_case.setdefault(flip.case, []).append(flip)
    for case, found in list(by_case.items())[:_MOST_FLIPS]:
        changes = ", ".join(f"{flip.metric} {flip.baseline:.3g} -> {flip.candidate:.3g}" for flip in found)
        yield f"  {case}: {changes}"
        yield f"    before: {_line(found[0].before)}"
        yield f"    after:  {_line(found[0].after)}"
    if len(by_case) > _MOST_FLIPS:
        yield f"  and {len(by_case) - _MOST_FLIPS} more: the reports show all of them (--out DIR)"


def _cases(flips: "Sequence[Flip]") -> str:
    count = len({flip.case for flip in flips})
    return f"{count} case" if count == 1 else f"{count} cases"


def _line(text: str) -> str:
    from eval.reports.texts import one_line, shortened

    return shortened(one_line(text), _LONGEST)


def _print_costs(variants: "Sequence[VariantReport]") -> None:
    shown = table("variant", *_COSTS)
    for each in variants:
        shown.add_row(each.variant.name, *_costs(each))
    print_table(shown)


def _costs(each: "VariantReport") -> list[str]:
    from eval.reports import figures

    usage = each.usage
    source = f" ({each.source.value})"
    failures = ", ".join(f"{count} {code}" for code, count in each.failures.items())
    return [
        figures.count(usage.input_tokens),
        figures.count(usage.output_tokens),
        figures.money(each.cost_nano_usd),
        figures.milliseconds(each.median_ms) + source,
        figures.milliseconds(each.p95_ms) + source,
        failures or "0",
    ]


def _print_matrix(report: "Report") -> None:
    """A column for each variant: its scores, and what they cost."""
    from eval.reports import figures

    shown = table("", *(each.variant.name for each in report.variants))
    for info in report.metrics:
        scores = [next(score for score in each.scores if score.metric == info.name) for each in report.variants]
        shown.add_row(info.name, *(figures.value(info, score.value) for score in scores))
    costs = [_costs(each) for each in report.variants]
    for place, title in enumerate(_COSTS):
        shown.add_row(title, *(cost[place] for cost in costs))
    print_table(shown)


def _print_bounds(report: "Report") -> None:
    from eval.reports import figures

    for bound in report.thresholds:
        info = report.metric(bound.metric)
        value, wanted = figures.value(info, bound.value), figures.bound(info, bound)
        if not bound.kept:
            print(f"not kept: {bound.metric} of {bound.variant} is {value}, not {wanted}")
        elif not report.comparisons:  # nothing else says how it came out
            print(f"kept: {bound.metric} of {bound.variant} is {value}, {wanted}")
