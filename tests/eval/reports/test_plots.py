"""What the plots and breakdowns of the page are drawn from."""

import json
from collections.abc import Sequence

import pytest

from eval.outcomes import Failure
from eval.report import Answer, CaseReport, TradeOff
from eval.reports.breakdown import confusions, groups, steps
from eval.reports.intervals import WIDTH, interval_plots
from eval.reports.page_data import LIMIT, page_data
from eval.reports.pareto import Point, front, pareto_plot
from eval.reports.scales import round_up, spread
from tests.eval.reports.hostile import hostile_report
from tests.eval.reports.sample import sample_report


def points(*pairs: tuple[float, float]) -> list[Point]:
    return [Point(number, f"variant-{number}", cost, quality) for number, (cost, quality) in enumerate(pairs, 1)]


@pytest.mark.parametrize(
    ("pairs", "higher", "best"),
    [
        pytest.param([(1, 0.5)], True, [1], id="one"),
        pytest.param([(1, 0.5), (2, 0.6), (3, 0.7)], True, [1, 2, 3], id="each better for more"),
        pytest.param([(1, 0.7), (2, 0.6)], True, [1], id="worse for more"),
        pytest.param([(1, 0.5), (2, 0.5)], True, [1], id="as good for more"),
        pytest.param([(1, 0.5), (1, 0.6)], True, [2], id="better for as much"),
        pytest.param([(1, 0.5), (1, 0.5)], True, [1, 2], id="alike"),
        pytest.param([(3, 0.9), (1, 0.2), (2, 0.1)], True, [2, 1], id="in any order"),
        pytest.param([(1, 0.5), (2, 0.2), (3, 0.3)], False, [1, 2], id="less is better"),
    ],
)
def test_the_front_is_what_nothing_beats(pairs: Sequence[tuple[float, float]], higher: bool, best: list[int]) -> None:
    assert [point.number for point in front(points(*pairs), higher)] == best


@pytest.mark.parametrize("higher", [True, False])
def test_better_is_up_and_cheaper_is_left(higher: bool) -> None:
    plot = pareto_plot(points((1, 0.9), (2, 0.1)), 720, 340, higher_is_better=higher, named=True)
    (_, x1, y1, *_), (_, x2, y2, *_) = plot.points
    assert x1 < x2
    assert (y1 < y2) is higher


@pytest.mark.parametrize("named", [True, False])
def test_names_cover_no_other_name_and_leave_the_plot_nowhere(named: bool) -> None:
    crowd = points(*((100 + number % 3, 0.8 + number % 4 / 100) for number in range(12)))
    plot = pareto_plot(crowd, 720, 340, higher_is_better=True, named=named)
    labels = [label for _, _, _, label, _ in plot.points if label]
    boxes = [(label.x, label.y - 11, label.x + 7.4 * len(label.text), label.y + 4) for label in labels]
    assert len(boxes) >= 8
    assert all(box[0] >= 0 and box[2] <= 720 for box in boxes)
    pairs = [(one, other) for at, one in enumerate(boxes) for other in boxes[at + 1 :]]
    assert not any(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3] for a, b in pairs)


@pytest.mark.parametrize(
    "pairs",
    [
        pytest.param([(0, 0.0)], id="nothing"),
        pytest.param([(5, 1.0), (5, 1.0)], id="alike"),
        pytest.param([(1e-9, 1e9), (1e9, -1e9)], id="far apart"),
    ],
)
def test_any_values_can_be_drawn(pairs: Sequence[tuple[float, float]]) -> None:
    plot = pareto_plot(points(*pairs), 340, 280, higher_is_better=True, named=False)
    assert all(0 <= x <= 340 and 0 <= y <= 280 for _, x, y, _, _ in plot.points)
    assert 1 <= len(plot.across.ticks()) <= 8


@pytest.mark.parametrize(
    ("number", "rounded"), [(0.0011, 0.002), (0.02, 0.02), (0.3, 0.5), (1, 1), (7, 10), (200, 200), (201, 500)]
)
def test_scales_have_round_steps(number: float, rounded: float) -> None:
    assert round_up(number) == pytest.approx(rounded)


def test_a_scale_has_its_ticks_within() -> None:
    scale = spread([0.7, 0.9], 100, 0)
    assert scale.ticks() == pytest.approx([0.7, 0.8, 0.9])
    assert (scale(scale.low), scale(scale.high), scale(99)) == (100, 0, 0)


def test_intervals_of_shares_have_one_scale() -> None:
    report = sample_report()
    plots = interval_plots(report, report.comparisons[0].metrics)
    assert {(plot.low, plot.high) for plot in plots[:3]} == {(plots[0].low, plots[0].high)}
    assert (plots[3].low, plots[3].high) == ("−0.500", "+0.500")
    for plot in plots:
        assert 0 <= plot.lower <= plot.middle <= plot.upper <= WIDTH
        assert plot.margin < plot.zero == WIDTH / 2


def case(
    right: object, given: str, error: bool = False, language: str | None = "en", value: float | None = 1
) -> CaseReport:
    failure = Failure(code="output_invalid", message="no") if error else None
    return CaseReport(
        id="a", task="classify", input="x", language=language,
        params={"labels": [{"name": "yes"}, {"name": "no"}]}, expected={"labels": right},
        answers=(Answer(variant="v", text=given, error=failure, values={"accuracy": value}),),
    )  # fmt: skip


def test_the_confusion_matrix_counts_pairs() -> None:
    rows = [
        case(["yes"], "yes"), case(["yes"], "yes"), case(["yes"], "no"), case(["no"], "no"), case(["no"], "maybe"),
        case(["no"], "yes, no"), case(["no"], ""), case(["yes"], "yes", error=True), case(["yes", "no"], "yes"),
        case([], ""),
    ]  # fmt: skip
    (found,) = confusions(rows, ["v"])
    assert (found.given, found.left_out) == (["no", "yes", "INVALID"], 2)
    assert {right: list(counts) for right, counts in found.rows} == {"no": [1, 0, 3], "yes": [1, 2, 1]}


def test_without_single_labels_there_is_no_matrix() -> None:
    assert confusions([case(["yes", "no"], "yes")], ["v"]) == []
    assert confusions([case(["yes"], "yes")], ["w"]) == []


def test_rare_labels_of_many_are_taken_together() -> None:
    rows = [case([f"label {number}"], f"label {number}") for number in range(40) for _ in range(40 - number)]
    rows = [row.model_copy(update={"params": {}}) for row in rows]
    (found,) = confusions(rows, ["v"])
    assert (len(found.given), found.given[-2:]) == (17, ["other labels", "INVALID"])
    assert sum(sum(counts) for _, counts in found.rows) == len(rows)


def test_groups_have_means_of_what_is_defined() -> None:
    rows = [case(["yes"], "yes", language="en", value=1), case(["yes"], "no", language="en", value=0),
            case(["yes"], "no", language="de", value=None), case(["yes"], "no", language=None, value=0.5)]  # fmt: skip
    found = groups(rows, "accuracy", lambda row: row.language)
    assert [(group.name, group.cases, group.means["v"]) for group in found] == [
        ("de", 1, None), ("en", 2, 0.5), ("none", 1, 0.5),
    ]  # fmt: skip
    assert groups(rows[:2], "accuracy", lambda row: row.language) == []


def test_the_data_hold_whole_texts_where_there_is_room() -> None:
    report = sample_report("classify", loss=0.5)
    data = page_data(report)
    found = json.loads(data.text)
    assert (data.length, data.left_out, len(found["cases"])) == (0, 0, len(report.cases))
    assert [one["i"] for one in found["cases"]] == [row.input for row in report.cases]
    flipped = {flip.case for flip in report.comparisons[0].flips}
    assert {one["id"] for one in found["cases"] if "f" in one} == flipped


def test_nothing_in_the_data_ends_their_element() -> None:
    text = page_data(hostile_report()).text
    assert not set("<>&") & set(text)
    assert "\x00" not in text


def test_long_texts_are_cut_before_a_case_is_left_out() -> None:
    report = sample_report(cases=100, words=20)
    whole = len(page_data(report).text.encode())
    cut = page_data(report, whole // 2)
    assert (cut.length > 0, cut.left_out, len(json.loads(cut.text)["cases"])) == (True, 0, 100)
    assert "more characters)" in cut.text
    few = page_data(report, 40_000)
    kept = {one["id"] for one in json.loads(few.text)["cases"]}
    assert (len(kept) + few.left_out, few.left_out > 0) == (100, True)
    flipped = {flip.case for flip in report.comparisons[0].flips}
    failed = {row.id for row in report.cases if any(answer.error for answer in row.answers)}
    assert flipped | failed <= kept
    assert (len(cut.text.encode()) <= whole // 2, len(few.text.encode()) <= 40_000) == (True, True)
    assert whole < LIMIT


def test_the_steps_of_abstaining_are_those_nearest_to_quarters() -> None:
    points = [TradeOff(threshold=1 - number / 20, coverage=number / 20, risk=0.1) for number in range(1, 21)]
    assert [point.coverage for point in steps(points)] == [0.25, 0.5, 0.75, 0.9, 1.0]
    assert steps(points[:1]) == points[:1]
    assert steps([]) == []
