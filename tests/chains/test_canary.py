"""Who meets the canary: always the same callers, as many as its share says, and what a request may name instead."""

import itertools
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chains.errors import PromptSetError, UnknownPrompt
from chains.prompts import PromptSet, Selection, load_prompt_set, select
from chains.prompts.labels import takes_canary
from chains.prompts.lock import LOCK, Lock
from chains.prompts.serving import label_problems
from tests.chains.conftest import FRONT

KEYS = [f"key-{number}" for number in range(10_000)]


@pytest.fixture
def demo(tmp_path: Path) -> Callable[[str], PromptSet]:
    """The prompt `demo` with the released versions 1.0.0 and 1.1.0, the draft 1.2.0, and these labels."""

    def write(labels: str) -> PromptSet:
        (tmp_path / "demo").mkdir(exist_ok=True)
        for version in ("1.0.0", "1.1.0", "1.2.0"):
            (tmp_path / "demo" / f"{version}.j2").write_text(FRONT + f"user:\n{version} {{{{ text }}}}\n")
        (tmp_path / "labels.yaml").write_text(labels)
        released = [prompt for prompt in load_prompt_set(tmp_path) if prompt.version != "1.2.0"]
        (tmp_path / LOCK).write_text(Lock({str(prompt): prompt.digest for prompt in released}).text())
        return load_prompt_set(tmp_path)

    return write


def labels(percent: float) -> str:
    return f"demo: {{production: 1.0.0, canary: {{version: 1.1.0, percent: {percent}}}, next: 1.1.0}}\n"


def found(selection: Selection) -> tuple[str, str | None]:
    return selection.prompt.version, selection.label


@pytest.mark.parametrize("percent", [1, 10, 50])
def test_the_share_is_what_it_says(percent: float) -> None:
    """Within four standard deviations of the binomial distribution."""
    taken = sum(takes_canary(percent, "demo", "1.1.0", key, "") for key in KEYS)
    share = percent / 100
    assert abs(taken - share * len(KEYS)) < 4 * math.sqrt(len(KEYS) * share * (1 - share))


def test_a_larger_share_keeps_whom_the_smaller_had() -> None:
    shares = (0.01, 0.5, 1, 2, 5, 10, 25, 50, 75, 99, 100)
    taken = [{key for key in KEYS if takes_canary(share, "demo", "1.1.0", key, "")} for share in shares]
    assert all(smaller <= larger for smaller, larger in itertools.pairwise(taken))
    assert len(taken[-1]) == len(KEYS)


def test_no_release_sends_callers_to_the_other_side() -> None:
    """The SHA-256 of these parts, with zero bytes between them, begins with c442e7a31d7ac77a: 76.6646 % of 2**64."""
    parts = ("summarize", "1.1.0", "key-1", "session-1")
    assert not takes_canary(76.6645, *parts)
    assert takes_canary(76.6647, *parts)


def test_parts_are_not_run_together() -> None:
    sides = [(takes_canary(50, "a", key), takes_canary(50, "a" + key[0], key[1:])) for key in KEYS[:200]]
    assert {(True, False), (False, True)} <= set(sides)


def test_a_caller_stays_on_his_side(demo: Callable[[str], PromptSet]) -> None:
    prompts = demo(labels(50))
    sides = {key: found(select(prompts, "demo", caller=key)) for key in KEYS[:500]}
    again = demo(labels(50))
    assert all(found(select(again, "demo", caller=key)) == side for key, side in sides.items())
    assert set(sides.values()) == {("1.0.0", "production"), ("1.1.0", "canary")}


def test_a_session_decides_within_one_key(demo: Callable[[str], PromptSet]) -> None:
    prompts = demo(labels(50))
    sides = {f"s{n}": found(select(prompts, "demo", caller="key-1", session=f"s{n}")) for n in range(200)}
    assert {version for version, _ in sides.values()} == {"1.0.0", "1.1.0"}
    for session, side in sides.items():
        assert found(select(prompts, "demo", caller="key-1", session=session)) == side


def test_another_canary_draws_other_callers(demo: Callable[[str], PromptSet]) -> None:
    """Else the same tenth of the callers would bear every experiment."""
    first = {key for key in KEYS if takes_canary(10, "demo", "1.1.0", key, "")}
    second = {key for key in KEYS if takes_canary(10, "demo", "1.2.0", key, "")}
    assert 0 < len(first & second) < len(first) / 2


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param("1.0.0", ("1.0.0", None), id="version"),
        pytest.param("1.1.0", ("1.1.0", None), id="version of the canary"),
        pytest.param("production", ("1.0.0", "production"), id="production"),
        pytest.param("canary", ("1.1.0", "canary"), id="canary"),
        pytest.param("next", ("1.1.0", "next"), id="another label"),
    ],
)
@pytest.mark.parametrize("percent", [0.001, 100])
def test_what_a_request_names_wins(
    demo: Callable[[str], PromptSet], percent: float, wanted: str, expected: tuple[str, str | None]
) -> None:
    prompts = demo(labels(percent))
    for key in KEYS[:20]:
        assert found(select(prompts, "demo", wanted, caller=key, session="s")) == expected


def test_all_go_to_a_canary_of_100_percent(demo: Callable[[str], PromptSet]) -> None:
    prompts = demo(labels(100))
    assert {found(select(prompts, "demo", caller=key)) for key in KEYS[:200]} == {("1.1.0", "canary")}


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        pytest.param("1.2.0", "no released version '1.2.0'. Its versions are: 1.0.0, 1.1.0. Its labels", id="draft"),
        pytest.param("9.9.9", "no released version '9.9.9'. Its versions are: 1.0.0, 1.1.0. Its labels", id="version"),
        pytest.param("beta", "has no label 'beta'. Its labels are: production, canary, next.", id="label"),
        pytest.param("1.0", "'1.0' is neither a version (1.0.0) nor a label", id="neither"),
    ],
)
def test_what_is_not_served(demo: Callable[[str], PromptSet], wanted: str, words: str) -> None:
    with pytest.raises(UnknownPrompt, match=re.escape(words)):
        select(demo(labels(10)), "demo", wanted)


def test_a_draft_is_served_by_version_where_drafts_are_allowed(demo: Callable[[str], PromptSet]) -> None:
    prompts = demo(labels(10))
    assert found(select(prompts, "demo", "1.2.0", allow_drafts=True)) == ("1.2.0", None)


def test_a_label_that_leads_nowhere_says_what_to_do(demo: Callable[[str], PromptSet]) -> None:
    prompts = demo("demo: {production: 1.0.0, next: 8.0.0}\ngone: {production: 1.0.0}\n")
    folder = prompts.folder
    assert [problem.hint for problem in label_problems(prompts, dict[str, Any]())] == [
        f"bring its file back: git checkout -- {folder / 'demo' / '8.0.0.j2'}; or name a version that exists",
        f"bring its file back: git checkout -- {folder / 'gone' / '1.0.0.j2'}; or delete gone from "
        f"{folder / 'labels.yaml'}",
    ]


def test_a_share_that_is_none_shows_a_canary(demo: Callable[[str], PromptSet]) -> None:
    with pytest.raises(PromptSetError, match=re.escape("(canary: {version: 1.1.0, percent: 10})")):
        demo("demo: {production: 1.0.0, canary: {version: 1.1.0, percent: 0}}\n")


@pytest.mark.parametrize("draft", ["demo: {production: 1.0.0, next: 1.2.0}\n", "demo: {production: 1.2.0}\n"])
def test_a_label_of_a_draft_is_refused(demo: Callable[[str], PromptSet], draft: str) -> None:
    (problem,) = label_problems(demo(draft), dict[str, Any]())
    assert "demo@1.2.0 is a draft" in problem.message
    assert problem.hint is not None
    assert problem.hint.startswith("release it first: copydesk prompts release demo 1.2.0; if it was released: git ch")
