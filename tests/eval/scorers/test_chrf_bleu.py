"""chrF against its formula, BLEU against NLTK's own implementation, and both where a wrapper goes wrong."""

from collections import Counter

import pytest
from nltk.translate.bleu_score import corpus_bleu as nltk_bleu
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from eval.scorers.bleu import bleu, corpus_bleu
from eval.scorers.chrf import chrf, corpus_chrf

OUTPUTS = ["the cat sat on the old mat", "he read the whole book because he was curious", "a dog barked at night"]
REFERENCES = [
    ["the cat is on the old mat", "there is a cat sitting on the mat"],
    ["he read the whole book because he was interested"],
    ["at night a dog barked at us", "a dog was barking at night", "a dog barked"],
]


def formula(output: str, reference: str) -> float:
    """Popović 2015: the F2 of the mean precision and recall of sequences of one to six characters without spaces."""
    precisions, recalls = [], []
    for length in range(1, 7):
        grams = [
            Counter(text[start : start + length] for start in range(len(text) - length + 1))
            for text in (output.replace(" ", ""), reference.replace(" ", ""))
        ]
        common = (grams[0] & grams[1]).total()
        precisions.append(common / grams[0].total())
        recalls.append(common / grams[1].total())
    precision, recall = sum(precisions) / 6, sum(recalls) / 6
    return 100 * 5 * precision * recall / (4 * precision + recall)


@pytest.mark.parametrize(("output", "references"), list(zip(OUTPUTS, REFERENCES, strict=True)))
def test_chrf_is_the_best_by_the_formula(output: str, references: list[str]) -> None:
    assert chrf(output, references) == pytest.approx(max(formula(output, reference) for reference in references))


def test_bleu_of_a_corpus_is_nltks() -> None:
    tokens = [[reference.split() for reference in own] for own in REFERENCES]
    expected = nltk_bleu(tokens, [output.split() for output in OUTPUTS])
    assert corpus_bleu(OUTPUTS, REFERENCES) == pytest.approx(100 * expected)


def test_a_corpus_may_have_unequal_numbers_of_references() -> None:
    """Further references that repeat the first one change nothing, so they can stand for those that are absent."""
    padded = [(own * 3)[:3] if len(own) == 1 else [*own, own[0]][:3] for own in REFERENCES]
    streams = [list(column) for column in zip(*padded, strict=True)]
    assert corpus_chrf(OUTPUTS, REFERENCES) == pytest.approx(CHRF().corpus_score(OUTPUTS, streams).score)
    assert corpus_bleu(OUTPUTS, REFERENCES) == pytest.approx(BLEU().corpus_score(OUTPUTS, streams).score)


@pytest.mark.parametrize(
    ("output", "references", "expected"),
    [
        pytest.param("the cat sat", ["the cat sat"], 100, id="equal"),
        pytest.param("cat", ["cat"], 100, id="one word"),
        pytest.param("世界银行发布报告", ["世界银行发布报告"], 100, id="Chinese"),
        pytest.param("Привет мир", ["нет", "Привет мир"], 100, id="equal to the second"),
        pytest.param("", ["the cat sat"], 0, id="empty output"),
        pytest.param("the cat sat", [""], 0, id="empty reference"),
        pytest.param("", [""], 0, id="both empty"),
        pytest.param("xyz", ["abc"], 0, id="nothing in common"),
    ],
)
def test_degenerate_cases(output: str, references: list[str], expected: float) -> None:
    assert chrf(output, references) == pytest.approx(expected)
    assert bleu(output, references) == pytest.approx(expected)


def test_chinese_is_compared_by_characters() -> None:
    assert bleu("世界银行今天发布报告", ["世界银行昨天发布报告"]) > 40
    assert bleu("世界银行今天发布报告", ["世界银行昨天发布报告"]) == pytest.approx(
        BLEU(tokenize="zh", effective_order=True).sentence_score("世界银行今天发布报告", ["世界银行昨天发布报告"]).score
    )


def test_what_cannot_be_compared_is_refused() -> None:
    for one in (chrf, bleu):
        with pytest.raises(ValueError, match="at least one reference"):
            one("text", [])
    for corpus in (corpus_chrf, corpus_bleu):
        assert corpus([], []) == 0
        with pytest.raises(ValueError, match="references for each of the 1 outputs"):
            corpus(["text"], [[]])
