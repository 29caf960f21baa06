"""classify: the label that the text speaks for, under the name it was given, and a confidence that was measured."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from pydantic import ValidationError

from chains.errors import ContextExceeded, InvalidInput
from chains.runner import parts_of
from chains.task import Parts
from chains.tasks.classify import task
from chains.tasks.classify.contract import ConfidenceMethod
from tests.chains.classifying import PROMPTS, LessCapable, chat_only, classified, labelled
from tests.traffic.lanes import lane_over, using

NOTHING = {"when": "Message: ...", "scores": {"card arrival": -9.0, "exchange rate": -3.0}}
LIKELIHOOD: list[dict[str, Any]] = [NOTHING, {"scores": {"card arrival": -6.0, "exchange rate": -5.0}}]
ANSWER: dict[str, Any] = {"answer": {"label": "card arrival"}}
NAMES = ("card_arrival", "exchange_rate")


def test_the_label_that_the_text_made_likelier_comes_back_under_its_own_name() -> None:
    ((output, usage),) = classified(LIKELIHOOD, labelled(*NAMES))
    assert [label.name for label in output.labels] == ["card_arrival"], "though the other is likelier, as it always is"
    assert output.confidence_method is ConfidenceMethod.LIKELIHOOD
    assert output.labels[0].confidence is not None
    assert 0.5 < output.labels[0].confidence < 1
    assert (output.abstained, output.chunks, usage.model_calls) == (False, 1, 2)


def test_what_a_label_is_likely_to_be_anyway_is_asked_for_once() -> None:
    more = labelled(*NAMES, "pin_blocked")
    found = classified(LIKELIHOOD, labelled(*NAMES), labelled(*NAMES), more, more, labelled(*reversed(NAMES)))
    assert [usage.model_calls for _, usage in found] == [2, 1, 2, 1, 1]
    assert found[0][0] == found[1][0] == found[4][0]


def test_descriptions_and_examples_are_shown_as_texts_with_their_labels() -> None:
    request = labelled("A1", "B2")
    request["labels"] = [
        {"name": "A1", "description": "cards", "examples": ["My card is late.", "No card yet"]},
        {"name": "B2"},
    ]
    told = ("cards", "My card is late.", "No card yet")
    shown = "".join(f"Message: {text}\nIt is about: A1\n\n" for text in told)
    script: list[dict[str, Any]] = [
        {"when": f"{shown}Message: ...", "scores": {"A1": -1.0, "B2": -1.0}},
        {"when": f"{shown}Message: Where is my card?", "scores": {"A1": -1.0, "B2": -3.0}},
        {"fail": "rejected"},
    ]
    ((output, _),) = classified(script, request)
    assert [label.name for label in output.labels] == ["A1"]


@pytest.mark.parametrize(
    ("least", "names", "abstained"),
    [
        pytest.param(None, ["card_arrival"], False, id="absent"),
        pytest.param(0, ["card_arrival"], False, id="zero"),
        pytest.param(0.5, ["card_arrival"], False, id="less than it is sure"),
        pytest.param(1, [], True, id="certainty"),
    ],
)
def test_abstaining(least: float | None, names: list[str], abstained: bool) -> None:
    request = labelled(*NAMES, **({} if least is None else {"abstain_below": least}))
    ((output, _),) = classified(LIKELIHOOD, request)
    assert ([label.name for label in output.labels], output.abstained) == (names, abstained)


def test_the_higher_the_bar_the_fewer_labels() -> None:
    bars = [number / 20 for number in range(21)]
    found = classified(LIKELIHOOD, *(labelled(*NAMES, abstain_below=bar) for bar in bars))
    abstained = [output.abstained for output, _ in found]
    assert abstained == sorted(abstained)
    assert (abstained[0], abstained[-1]) == (False, True)


def test_several_labels_or_none_each_with_its_own_confidence() -> None:
    scores = dict.fromkeys("abcd", -10.0)
    script: list[dict[str, Any]] = [
        {"when": "Message: ...", "scores": scores},
        {"when": "both", "scores": {**scores, "b": -0.1, "d": -0.2}},
        {"when": "neither", "scores": dict.fromkeys("abcd", -40.0)},
    ]
    requests = [labelled(*"abcd", multi_label=True) | {"text": text} for text in ("both", "neither")]
    both, neither = (output for output, _ in classified(script, *requests))
    assert [label.name for label in both.labels] == ["b", "d"]
    assert len({label.confidence for label in both.labels}) == 2
    assert (neither.labels, neither.abstained) == ([], False)
    ((kept_back, _),) = classified(script, {**requests[0], "abstain_below": 1})
    assert (kept_back.labels, kept_back.abstained) == ([], True)


def test_a_version_without_the_helper_prompt_is_answered_by_its_own_text() -> None:
    ((output, usage),) = classified([ANSWER], labelled(*NAMES), version="1.0.0")
    assert [label.name for label in output.labels] == ["card_arrival"]
    assert (output.confidence_method, usage.model_calls) == (ConfidenceMethod.LOGPROBS, 1)
    assert output.labels[0].confidence is not None


def by_order(first: str, answer: str) -> dict[str, Any]:
    return {"when": f"Labels: {first}", "answer": {"label": answer}}


def test_votes_where_the_backend_only_chats() -> None:
    script = [by_order("a,", "a"), by_order("b,", "b"), by_order("c,", "b"), by_order("d,", "b"), by_order("e,", "e")]
    ((output, usage),) = classified(script, labelled(*"abcde"), limits=chat_only)
    assert [(label.name, label.confidence) for label in output.labels] == [("b", 0.6)]
    assert (output.confidence_method, usage.model_calls) == (ConfidenceMethod.VOTES, 5)


def test_votes_for_several_labels() -> None:
    script: list[dict[str, Any]] = [
        {"when": "Labels: a,", "answer": {"labels": ["a", "b"]}},
        {"when": "Labels: b,", "answer": {"labels": ["b"]}},
        {"when": "Labels: c,", "answer": {"labels": []}},
        {"when": "Labels: d,", "answer": {"labels": ["b", "a", "d"]}},
        {"answer": {"labels": ["a"]}},
    ]
    ((output, _),) = classified(script, labelled(*"abcde", multi_label=True), limits=chat_only)
    assert [(label.name, label.confidence) for label in output.labels] == [("a", 0.6), ("b", 0.6)]


def test_an_answer_that_cannot_be_used_is_a_vote_for_no_label() -> None:
    script: list[dict[str, Any]] = [by_order("a,", "a"), {"answer": "certainly!"}]
    ((output, _),) = classified(script, labelled("a", "b"), limits=chat_only)
    assert [(label.name, label.confidence) for label in output.labels] == [("a", 0.5)]


def test_a_backend_that_refuses_log_probabilities_is_not_asked_for_them_again() -> None:
    models: list[LessCapable] = []

    def limits(parts: Parts) -> Parts:
        models.append(LessCapable(parts.model, refuses=True))
        return replace(chat_only(parts), model=models[0])

    found = classified([ANSWER], labelled(*NAMES), labelled(*NAMES), limits=limits)
    assert [output.confidence_method for output, _ in found] == [ConfidenceMethod.VOTES] * 2
    assert (models[0].refused, models[0].calls) == (1, 4), "two labels have two orders"


def one_order(parts: Parts) -> Parts:
    """A prompt that says the labels in an order of its own."""

    async def rendered(inputs: dict[str, Any]) -> Any:
        labels = sorted(inputs["labels"], key=lambda label: str(label["name"]))
        return await parts.prompt.ainvoke({**inputs, "labels": labels})

    return replace(chat_only(parts), prompt=RunnableLambda(rendered))


def test_nothing_is_claimed_where_nothing_can_be_measured() -> None:
    ((output, usage),) = classified([ANSWER], labelled(*NAMES), limits=one_order)
    assert [(label.name, label.confidence) for label in output.labels] == [("card_arrival", None)]
    assert (output.confidence_method, output.abstained) == (ConfidenceMethod.NONE, False)
    assert usage.model_calls == 1, "the same question four times more would tell nothing"
    assert "confidence" not in output.model_dump(exclude_none=True)["labels"][0]


def test_abstaining_needs_a_confidence() -> None:
    with pytest.raises(InvalidInput, match="without abstain_below") as caught:
        classified([ANSWER], labelled(*NAMES, abstain_below=0.5), limits=one_order)
    assert [(error.pointer, error.code) for error in caught.value.errors] == [
        ("/abstain_below", "confidence_unavailable")
    ]


@pytest.mark.parametrize(
    ("labels", "place", "message"),
    [
        pytest.param([*({"name": f"l{n}"} for n in range(199)), {"name": "l7"}], ("labels",), "repeated: l7", id="200"),
        pytest.param([{"name": "a"}], ("labels",), "at least 2", id="one"),
        pytest.param([{"name": f"l{n}"} for n in range(201)], ("labels",), "at most 200", id="201"),
        pytest.param([{"name": "a"}, {"name": " \n"}], ("labels", 1, "name"), "only whitespace", id="blank"),
        pytest.param(
            [{"name": "a", "examples": ["x"] * 6}, {"name": "b"}], ("labels", 0, "examples"), "at most 5", id="examples"
        ),
        pytest.param(
            [{"name": "a", "examples": ["x" * 501]}, {"name": "b"}],
            ("labels", 0, "examples", 0),
            "at most 500",
            id="long example",
        ),
        pytest.param(
            [{"name": "a", "examples": [" "]}, {"name": "b"}],
            ("labels", 0, "examples", 0),
            "only whitespace",
            id="blank example",
        ),
    ],
)
def test_labels_that_are_refused(labels: list[dict[str, Any]], place: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        task.input.model_validate({"text": "x", "labels": labels})
    assert place in [error["loc"] for error in caught.value.errors()]


@pytest.mark.parametrize("bar", [-0.1, 1.1, float("nan"), "high"])
def test_a_bar_that_is_no_confidence(bar: Any) -> None:
    with pytest.raises(ValidationError):
        task.input.model_validate(labelled("a", "b", abstain_below=bar))


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(("Card", "card"), id="by case"),
        pytest.param(("card", "card "), id="by spaces"),
        pytest.param(("card_lost", "card lost", "CardLost"), id="spoken alike"),
        pytest.param(("😀", "😡"), id="only emoji"),
        pytest.param(("城市", "ქალაქი"), id="other scripts"),
        pytest.param(("x" * 199 + "a", "x" * 199 + "b"), id="long and alike"),
        pytest.param(("___", "???"), id="only signs"),
    ],
)
@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_labels_that_are_hard_to_tell_apart_are_told_apart(names: tuple[str, ...], version: str) -> None:
    scores = dict.fromkeys(names, -1.0)
    script: list[dict[str, Any]] = [{"scores": scores, "answer": {"label": "nothing"}}]
    if version == "1.0.0":
        script = [{"when": "Which", "answer": {"label": names[1]}}]
    ((output, _),) = classified(script, labelled(*names), version=version)
    assert len(output.labels) == 1
    assert output.labels[0].name in names
    if version == "1.0.0":
        assert output.labels[0].name == names[1]


LONG = "".join(f"Where is my card {number}? " for number in range(60))


def test_a_long_text_is_read_in_chunks_whose_evidence_is_combined_by_length() -> None:
    script: list[dict[str, Any]] = [
        {**NOTHING, "scores": {"card arrival": -2.0, "exchange rate": -2.0}},
        {"when": "rates", "scores": {"card arrival": -9.0, "exchange rate": -1.0}},
        {"scores": {"card arrival": -1.0, "exchange rate": -3.0}},
    ]
    request = labelled(*NAMES) | {"text": LONG + "\n\nrates"}
    ((output, usage),) = classified(script, request, context_tokens=150)
    assert output.chunks > 1
    assert [label.name for label in output.labels] == ["card_arrival"]
    assert usage.model_calls == output.chunks + 1


def test_a_long_text_is_answered_in_chunks_too() -> None:
    request = labelled(*NAMES) | {"text": LONG}
    ((output, usage),) = classified([ANSWER], request, version="1.0.0", context_tokens=500)
    assert [label.name for label in output.labels] == ["card_arrival"]
    assert output.confidence_method is ConfidenceMethod.LOGPROBS
    assert usage.model_calls == output.chunks > 1


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_a_text_of_five_megabytes_is_refused_at_once(version: str) -> None:
    start = time.process_time()
    with pytest.raises(InvalidInput, match="chunks"):
        classified([ANSWER], labelled(*NAMES) | {"text": "word " * 1_000_000}, version=version, context_tokens=8192)
    assert time.process_time() - start < 2


def test_labels_that_leave_no_room_for_a_text_are_named_as_the_reason() -> None:
    labels = [{"name": f"label {n}", "examples": ["some words of an example " * 10] * 5} for n in range(200)]
    with pytest.raises(ContextExceeded, match="Send fewer labels") as caught:
        classified([{"answer": ""}], {"text": "x", "labels": labels}, context_tokens=8192)
    assert caught.value.needed > caught.value.limit == 8192


def test_two_hundred_labels_stop_nobody_else() -> None:
    labels = [
        {"name": f"some_label_{n}", "description": "what it is for " * 8, "examples": ["an example of it " * 10] * 5}
        for n in range(200)
    ]
    gaps: list[float] = []

    async def ticks() -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            gaps.append(time.thread_time() - last)
            last = time.thread_time()

    lane, _ = lane_over([{"delay_ms": 1}])
    chain = task.compose(parts_of(PROMPTS.get("classify", "1.1.0"), lane))
    request = task.input.model_validate({"text": "x", "labels": labels})

    async def work() -> None:
        ticking = asyncio.create_task(ticks())
        output = await chain.ainvoke(request)
        ticking.cancel()
        assert len(output.labels) == 1

    using(lane, work)
    assert max(gaps) < 0.1
