"""The page: who stands where, what is missing, and pictures that are well formed."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.evaluation.workload import TASKS
from bench.side_by_side.__main__ import REASONS
from bench.side_by_side.machine import warning
from bench.side_by_side.plots import bars
from bench.side_by_side.report import markdown, plots, why_missed, write_page
from bench.side_by_side.results import Aim, Row, row
from bench.side_by_side.sections import evaluation, real_model, scaling, start, streams
from bench.side_by_side.sections.judged import Figures
from bench.side_by_side.sections.overhead_aims import aims as overhead_aims
from bench.side_by_side.subjects.every import every_subject
from bench.side_by_side.tables import SUBJECTS, figure
from tests.bench.side_by_side.runs import MACHINE, run, section

RATES = {"mlflow": [500.0], "copydesk": [1000.0, 1200.0, 900.0], "copydesk, one text": [2000.0], "direct": [50_000.0]}


def table(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.split("\n") if line.startswith("|")]


def test_subjects_stand_in_one_order_with_their_ratios() -> None:
    who, _, *rows = table(markdown(run(section(rates=RATES)), {}))
    assert who == ["subject", "what it is"]
    assert [name for name, *_ in rows[:3]] == ["`direct`", "`copydesk`", "`mlflow`"]
    assert rows[3:] == [
        ["", "rate, requests/s", "copydesk's rate / its"],
        ["---", "---", "---"],
        ["direct", "50,000", "0.020"],
        ["copydesk", "1,000 (900 to 1,200)", "-"],
        ["mlflow", "500", "2.00"],
        ["copydesk, one text", "2,000", "0.500"],
    ]


def test_a_table_without_copydesk_has_no_ratios() -> None:
    assert table(markdown(run(section(rates={"mlflow": [500.0]})), {}))[3] == ["", "rate, requests/s"]


def test_a_section_says_how_to_repeat_it_and_when_it_was_measured() -> None:
    made = section(rates=RATES)
    assert '\nAgain: `make bench ARGS="--only overhead"`\n' in markdown(run(made), {})
    later = made.model_copy(update={"measured": "2026-01-02T00:00:00+00:00", "commit": "0123456789ab"})
    assert "\nMeasured until 2026-01-02T00:00:00+00:00, commit 0123456789ab; again: `make" in markdown(run(later), {})


def test_each_subject_is_introduced_to_a_newcomer() -> None:
    assert [each.name for each in every_subject() if each.name not in SUBJECTS] == []


@pytest.mark.parametrize(
    ("case", "head"),
    [
        ("at once, 16", "the backend answers at once, 16 connections"),
        ("after 60 ms, 1", "the backend answers after 60 ms, 1 connection"),
        ("summaries, 4 at once", "summaries, 4 at once"),
    ],
)
def test_a_case_is_spelled_out_on_the_page(case: str, head: str) -> None:
    assert f"\n### Overhead: {head}\n" in markdown(run(section(rates=RATES, case=case)), {})


def test_a_page_says_which_commit_was_measured() -> None:
    made = run().model_copy(update={"commit": "0123abc"})
    assert "Copydesk's commit: 0123abc." in markdown(made, {})


def test_who_is_missing_is_told_with_the_reason() -> None:
    assert "**litellm is missing:** no pip" in markdown(run(missing={"litellm": "no pip"}), {})


def test_a_machine_that_was_busy_is_told() -> None:
    busy = run().model_copy(update={"machine": MACHINE.model_copy(update={"load": 3.5})})
    assert "this machine isn't idle: 3.5 processes" in markdown(busy, {})
    assert "idle" not in markdown(run(), {})
    assert warning(MACHINE) is None


@pytest.mark.parametrize(
    ("measured", "met", "binding", "reasons", "verdict", "explained"),
    [
        pytest.param("2.00 ms", True, True, {"fast": "slow"}, "met", None, id="met"),
        pytest.param(
            "2.00 ms", False, True, {}, "**missed**", "*fast* is missed: not explained yet.", id="nobody looked"
        ),
        pytest.param("2.00 ms", False, True, {"fast": "heap"}, "**missed**", "*fast* is missed: heap", id="explained"),
        pytest.param(
            "2.00 ms", False, False, {}, "missed (a hope)", "*fast* is missed: not explained yet.", id="a hope"
        ),
        pytest.param("not measured", False, True, {"fast": "heap"}, "not measured", None, id="no figure"),
    ],
)
def test_an_aim_is_judged_and_explained(
    measured: str, met: bool, binding: bool, reasons: dict[str, str], verdict: str, explained: str | None
) -> None:
    aim = Aim(text="fast", metric="rate", bound="<= 1 ms", measured=measured, met=met, binding=binding)
    page = markdown(run(section(rates=RATES, aims=[aim])), reasons)
    assert ["fast", "<= 1 ms", measured, verdict] in table(page)
    assert (explained is None and "is missed" not in page) or (explained is not None and explained in page)


def test_each_reason_is_of_an_aim_that_there_is() -> None:
    none: list[Row] = []
    found = [*overhead_aims(none), *streams._aims(none)]
    found += [aim for each in (start._aims, scaling._aims, real_model.aims) for aim in each(none)]
    cases = [f"{task}, {count} cases" for task in TASKS for count in (50, 200)]
    sizes = [row("evaluation", "copydesk", case, "rate", "cases/s", [1.0]) for case in cases]
    texts = {aim.text for aim in [*found, *evaluation._aims(sizes)]}
    assert [text for text in why_missed(REASONS) if text not in texts] == []


def test_an_aim_of_no_figures_is_not_measured() -> None:
    found = Figures([])
    for aim in (
        found.times("t", "a", "b", "c", bound=1),
        found.above("t", "a", "b", "c", bound=1, unit="ms"),
        found.at_most("t", "a", "c", "p50", bound=1, unit="ms"),
        found.at_least("t", "a", "c", "p50", bound=1, unit="ms"),
    ):
        assert aim.state == "not measured"


def test_the_page_begins_with_what_is_met_missed_and_not_measured() -> None:
    kinds = {"fast": ("2.00 ms", True, True), "small": ("2.00 ms", False, True), "tiny": ("2.00 ms", False, False)}
    kinds |= {"calm": ("not measured", False, True)}
    aims = [
        Aim(text=text, metric="m", bound="<= 1 ms", measured=measured, met=met, binding=binding)
        for text, (measured, met, binding) in kinds.items()
    ]
    page = markdown(run(section(rates=RATES, aims=aims)), {})
    assert (
        "**Binding aims: 1 met, 1 missed, 1 not measured.**\n\n"
        "Missed: Overhead: small (2.00 ms, bound <= 1 ms).\n\n"
        "Not measured: Overhead: calm.\n"
    ) in page
    assert "Missing in this run" not in page


def test_the_page_begins_with_sections_and_peers_that_are_missing() -> None:
    head, _, rest = markdown(run(missing={"litellm": "no pip", "the section start": "it failed"}), {}).partition(
        "Versions:"
    )
    assert "Missing in this run: litellm; the section start. Why is told below.\n" in head
    assert "**the section start is missing:** it failed" in rest


@pytest.mark.parametrize(
    ("value", "shown"), [(123_456.7, "123,457"), (99.94, "99.9"), (9.876, "9.88"), (0.0444, "0.044"), (0, "0.000")]
)
def test_a_figure_has_three_digits_or_so(value: float, shown: str) -> None:
    assert figure(value) == shown


def test_plots_have_a_bar_for_each_subject_but_the_backend() -> None:
    (name, picture), *others = plots(run(section(rates=RATES)))
    assert (name, others) == ("rate.svg", [])
    texts = [element.text for element in ElementTree.fromstring(picture).iter() if element.text]
    assert [text for text in texts if text in RATES] == ["copydesk", "mlflow"]


def test_bars_are_as_long_as_their_figures_and_names_are_escaped() -> None:
    rows = [row("s", name, "c", "m", "<ms>", rounds) for name, rounds in {"a & b": [100.0], "c": [50.0]}.items()]
    root = ElementTree.fromstring(bars("A <title>", "note", rows))
    ground, first, second = (each for each in root.iter() if each.tag.endswith("rect"))
    assert float(first.attrib["width"]) == pytest.approx(2 * float(second.attrib["width"]), abs=0.2)
    assert float(first.attrib["x"]) + float(first.attrib["width"]) < float(ground.attrib["width"])


def test_a_plot_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to plot"):
        bars("A title", "", [])


def test_a_page_stands_beside_its_pictures_and_old_ones_go(tmp_path: Path) -> None:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "gone.svg").write_text("")
    write_page(run(section(rates=RATES)), {}, tmp_path / "benchmarks.md")
    assert [each.name for each in (tmp_path / "benchmarks").iterdir()] == ["rate.svg"]
    assert "(benchmarks/rate.svg)" in (tmp_path / "benchmarks.md").read_text()
