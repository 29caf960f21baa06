"""What is told of a summary: facts that its source lacks, and the parts of the source that it uses. Offsets hold."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chains.chunking import divide
from chains.errors import InvalidInput
from chains.tasks.summarize import SummarizeOutput
from chains.tasks.summarize.coverage import coverage
from chains.tasks.summarize.support import unsupported
from chains.text import StringIndexType
from tests.chains.summarize.scene import Scene

SOURCE = (
    "The council closes the Harbour Street bridge from 3 May. The work costs 2.4 million euros. "
    "Buses 4 and 9 take the Mill Road bridge instead. A public meeting takes place on 20 April. "
    "Ms Adeyemi answers questions at the town hall."
)


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        pytest.param("The bridge closes from 3 May, for 2.4 million euros.", [], id="all of it stands there"),
        pytest.param("It costs 2.5 million euros.", [("2.5 million euros", "number")], id="another number"),
        pytest.param("It closes from 4 May.", [("4 May", "date")], id="another date"),
        pytest.param("Questions go to Ms Brandt.", [("Brandt", "name")], id="another name"),
        pytest.param(
            "On 4 May Ms Brandt spends 7 euros.",
            [("4 May", "date"), ("Brandt", "name"), ("7 euros", "number")],
            id="in the summary's order",
        ),
    ],
)
def test_facts_that_the_source_lacks(summary: str, expected: list[tuple[str, str]]) -> None:
    found = unsupported(summary, SOURCE, StringIndexType.UNICODE)
    assert [(fact.text.removeprefix("Ms "), fact.kind.value) for fact in found] == expected


def cut(text: str, offset: int, length: int, unit: StringIndexType) -> str:
    """As the caller's language cuts it."""
    if unit is StringIndexType.UNICODE:
        return text[offset : offset + length]
    return text.encode("utf-16-le")[2 * offset : 2 * (offset + length)].decode("utf-16-le")


UNITS = list(StringIndexType)
MIXED = st.sampled_from(
    ["😀 ", "Ada ", "met ", "Bob. ", "17 ", "3 May ", "今天。", "e\u0301t ", "\r\n", "سلام ", "Paris, ", "2.5 "]
)


@given(st.lists(MIXED, max_size=20).map("".join), st.lists(MIXED, max_size=60).map("".join), st.sampled_from(UNITS))
def test_offsets_cut_out_what_is_told(summary: str, source: str, unit: StringIndexType) -> None:
    for fact in unsupported(summary, source, unit):
        assert cut(summary, fact.offset, fact.length, unit) == fact.text
    chunks = divide(source, 40)
    covered = coverage(summary, source, chunks or divide(" ", 40), unit)
    said = [cut(source, span.offset, span.length, unit) for span in covered.spans]
    assert all(text.strip() == text and text in source for text in said)
    assert [span.offset for span in covered.spans] == sorted(span.offset for span in covered.spans)
    assert covered.chunks_used <= min(covered.chunks, len(covered.spans))


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        pytest.param(
            "The Harbour Street bridge will be closed from 3 May.",
            ["The council closes the Harbour Street bridge from 3 May."],
            id="a sentence in other words",
        ),
        pytest.param(
            "The work costs 2.4 million euros. A meeting takes place on 20 April.",
            ["The work costs 2.4 million euros.", "A public meeting takes place on 20 April."],
            id="two sentences",
        ),
        pytest.param(
            "Ms Adeyemi answers questions.\n- The public meeting is on 20 April.",
            ["A public meeting takes place on 20 April. Ms Adeyemi answers questions at the town hall."],
            id="neighbours are one span",
        ),
        pytest.param("The weather stays fine until the weekend.", [], id="invented"),
        pytest.param("😀", [], id="no words"),
    ],
)
def test_what_of_the_source_is_used(summary: str, expected: list[str]) -> None:
    covered = coverage(summary, SOURCE, divide(SOURCE, 10_000), StringIndexType.UNICODE)
    assert [SOURCE[span.offset : span.offset + span.length] for span in covered.spans] == expected
    assert (covered.chunks, covered.chunks_used) == (1, min(1, len(expected)))


@pytest.mark.parametrize(
    ("source", "summary", "used"),
    [
        pytest.param(
            "新店将于九月一日在上海开业。招聘二十名员工。天气很好。", "上海新店九月一日开业。", 1, id="chinese"
        ),
        pytest.param(
            "يعقد المجلس اجتماعه يوم الثلاثاء. الطقس جميل اليوم.", "اجتماع المجلس يوم الثلاثاء.", 1, id="arabic"
        ),
        pytest.param("Die Stadtwerke erneuern die Leitung. Es regnet.", "Die Leitung wird erneuert.", 1, id="german"),
    ],
)
def test_other_scripts_are_measured_too(source: str, summary: str, used: int) -> None:
    assert len(coverage(summary, source, divide(source, 10_000), StringIndexType.UTF16).spans) == used


def test_a_chunk_is_used_where_one_of_its_sentences_is() -> None:
    topics = ("budget", "garden", "printer", "holiday", "kitchen", "website", "parking", "security")
    source = "".join(f"Then somebody spoke about the {topic} for quite some time.\n" for topic in topics)
    chunks = divide(source, 120)
    covered = coverage("They spoke about the garden. The website was mentioned.", source, chunks, StringIndexType.UTF16)
    assert [source[span.offset : span.offset + span.length].split()[5] for span in covered.spans] == [
        "garden",
        "website",
    ]
    assert (covered.chunks, covered.chunks_used) == (len(chunks), 2)


@pytest.mark.parametrize("unit", ["word. ", "a", ".", "Ann: Yes.\n", "今天。", "Bob ", "\n", "e.g. ", "1."])
def test_checking_a_megabyte_takes_some_seconds(unit: str) -> None:
    source = "x" + unit * (1_000_000 // len(unit.encode()))
    start = time.thread_time()
    coverage("Some words of Bob.", source, divide(source, 100_000), StringIndexType.UTF16)
    assert time.thread_time() - start < 4


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x", id="one letter"),
        pytest.param("7", id="one digit"),
        pytest.param("?!", id="only punctuation"),
        pytest.param("Fine.", id="shorter than max_words"),
        pytest.param("ᚠᚢᚦᚨᚱᚲ ᛁᛋ ᚱᚢᚾᛖᛋ", id="a script that the model doesn't know"),
        pytest.param("\U00012000\U00012001\U00012002", id="cuneiform"),
    ],
)
def test_small_and_strange_texts_are_summarized(text: str) -> None:
    output: SummarizeOutput = Scene([{"answer": "A note."}]).run(text, max_words=80)
    assert (output.summary, output.unsupported, output.coverage.chunks) == ("A note.", [], 1)


@pytest.mark.parametrize("text", ["😀👍🏽", " ☂\n❄️ ", "👨‍👩‍👧"])
def test_a_text_of_symbols_is_refused_before_the_model_is_asked(text: str) -> None:
    scene = Scene([{"answer": "A note."}])
    for ask in (scene.run, scene.stream):
        with pytest.raises(InvalidInput, match="nothing but symbols") as caught:
            ask(text)
        assert [(error.pointer, error.code) for error in caught.value.errors] == [("/text", "text_of_symbols")]
    assert scene.asked == []
