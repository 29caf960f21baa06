"""ROUGE against rouge-score itself on English, and what its own tokenizer can't do."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from eval.scorers.rouge import KINDS, Overlap, rouge

SUMMARY = "The quick brown fox jumps over the lazy dog\nIt then sleeps until 10 o'clock"
OTHER = "The quick brown dog jumps on the log\nUntil 10 it sleeps"
WORDS = st.sampled_from(["the", "fox", "ate", "12", "old", "figs"])
LINES = st.lists(st.lists(WORDS, min_size=1).map(" ".join), max_size=4)


def of_reference(output: str, references: list[str]) -> dict[str, Overlap]:
    found = RougeScorer(list(KINDS)).score_multi(references, output)
    return {kind: Overlap(*found[kind]) for kind in KINDS}


@pytest.mark.parametrize(
    ("output", "references"),
    [
        pytest.param(OTHER, [SUMMARY], id="sentences on lines"),
        pytest.param(OTHER, ["nothing in common", SUMMARY, OTHER.upper()], id="the best of several references"),
        pytest.param("", [SUMMARY], id="empty output"),
        pytest.param(SUMMARY, [""], id="empty reference"),
        pytest.param("", [""], id="both empty"),
        pytest.param(SUMMARY, [SUMMARY], id="equal"),
        pytest.param("!?", ["..."], id="no words"),
    ],
)
def test_it_is_rouge_score_on_english(output: str, references: list[str]) -> None:
    assert rouge(output, references) == of_reference(output, references)


@given(LINES, st.lists(LINES, min_size=1, max_size=3))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_it_is_rouge_score_on_any_english_lines(output: list[str], references: list[list[str]]) -> None:
    texts = ["\n".join(lines) for lines in references]
    assert rouge("\n".join(output), texts) == of_reference("\n".join(output), texts)


def test_published_values() -> None:
    """Of rouge-score's README: fox and dog, ROUGE-1 6 of 9 and of 8 words."""
    found = rouge("The quick brown dog jumps on the log.", ["The quick brown fox jumps over the lazy dog"])
    assert found["rouge1"].precision == pytest.approx(0.75)
    assert found["rouge1"].recall == pytest.approx(0.6666666666666666)
    assert found["rouge1"].f1 == pytest.approx(0.7058823529411765)


@pytest.mark.parametrize("text", ["Привет, мир!", "世界银行发布报告", "مرحبا بالعالم", "नमस्ते दुनिया"])
def test_equal_texts_of_any_script_score_one(text: str) -> None:
    assert of_reference(text, [text])["rouge1"].f1 == 0, "or the tokenizer has become superfluous"
    assert {overlap.f1 for overlap in rouge(text, [text]).values()} == {1.0}


def test_sentences_of_one_line_count_as_sentences() -> None:
    """ROUGE-Lsum doesn't mind their order; on one line it is a plain longest common subsequence."""
    found = rouge("Cats sleep. Dogs bark loudly.", ["Dogs bark loudly. Cats sleep."])
    assert found["rougeLsum"].f1 == 1.0


def test_it_needs_a_reference() -> None:
    with pytest.raises(ValueError, match="at least one reference"):
        rouge("text", [])
