"""How many tokens a prompt has, where no tokenizer can be asked."""

import random

import pytest

from chains.backends.estimate import PromptSize, TokenEstimate

ENGLISH = "The committee discussed the roof of the library, and the members agreed to meet again in May. "


@pytest.mark.parametrize(
    ("contents", "size"),
    [
        pytest.param([], PromptSize(0, 0, 0), id="nothing"),
        pytest.param(["", "  \n "], PromptSize(4, 0, 2), id="white space"),
        pytest.param(["one two", "three"], PromptSize(12, 3, 2), id="words"),
        pytest.param(["Grüße", "你好", "👩‍👩‍👧"], PromptSize(7 + 6 + 18, 3, 3), id="many scripts"),
        pytest.param(["\ud800"], PromptSize(3, 1, 1), id="half a character"),
    ],
)
def test_the_size_of_a_prompt(contents: list[str], size: PromptSize) -> None:
    assert PromptSize.of(contents) == size


def test_the_guess_lies_between_the_bounds() -> None:
    generator, estimate = random.Random(4), TokenEstimate()
    for _ in range(500):
        prompt = PromptSize(generator.randrange(10_000), generator.randrange(3_000), generator.randrange(1, 9))
        if estimate.lower(prompt) > estimate.upper(prompt):
            continue
        assert estimate.lower(prompt) <= estimate.estimate(prompt) <= estimate.upper(prompt)
        estimate.learn(prompt, generator.randrange(1, 5_000))


def test_it_learns_from_what_was_counted() -> None:
    estimate, prompt = TokenEstimate(), PromptSize.of([ENGLISH * 20])
    true = prompt.size // 5
    before = estimate.estimate(prompt)
    for _ in range(3):
        estimate.learn(prompt, true)
    after = estimate.estimate(prompt)
    assert true <= after < before
    assert after < true * 1.2


def test_a_denser_text_counts_at_once_and_a_thinner_one_slowly() -> None:
    estimate, prompt = TokenEstimate(), PromptSize.of([ENGLISH * 20])
    estimate.learn(prompt, prompt.size // 5)
    thin = estimate.estimate(prompt)
    estimate.learn(prompt, prompt.size // 2)
    dense = estimate.estimate(prompt)
    assert dense > 2 * thin
    estimate.learn(prompt, prompt.size // 5)
    assert thin < estimate.estimate(prompt) < dense


@pytest.mark.parametrize(
    ("prompt", "tokens"),
    [
        pytest.param(PromptSize.of(["short"]), 50, id="a short prompt"),
        pytest.param(PromptSize.of([ENGLISH]), 3, id="fewer tokens than words"),
        pytest.param(PromptSize.of([ENGLISH]), 9_999, id="more tokens than bytes"),
    ],
)
def test_what_cannot_be_true_teaches_nothing(prompt: PromptSize, tokens: int) -> None:
    estimate, text = TokenEstimate(), PromptSize.of([ENGLISH * 20])
    before = estimate.estimate(text)
    estimate.learn(prompt, tokens)
    assert estimate.estimate(text) == before
