"""Metrics of every task that writes a text: facts, numbers, names, what must not stand there, length, language."""

from chains.tasks.summarize.contract import SummarizeRequest
from chains.text import count_words
from eval.datasets import Case
from eval.metrics.memory import kept
from eval.metrics.metric import Kind, Metric, Scored, Value
from eval.metrics.reading import expects, guarded, listed, output_of, references_of, source_of, written
from eval.scorers.instructions import facts_stated
from eval.scorers.language import is_certainly_not, language_code, language_of
from eval.scorers.preservation import negation_kept

__all__ = ["FACTS_STATED", "FORBIDDEN_ABSENT", "LANGUAGE_KEPT", "LENGTH", "NAMES_KEPT", "NEGATION_KEPT", "NUMBERS_KEPT"]

_MAX_WORDS = SummarizeRequest.model_fields["max_words"].default


def _facts(scored: Scored) -> Value:
    return facts_stated(written(scored), listed(scored.case, "facts"))


def _forbidden_absent(scored: Scored) -> bool:
    text = written(scored)
    return not any(
        facts_stated(text, [string]) or _is_mark(string, text) for string in listed(scored.case, "forbidden")
    )


def _is_mark(string: str, text: str) -> bool:
    """Whether a string without letters and digits, as an emoji, stands in the text."""
    return not any(map(str.isalnum, string)) and string.strip() in text


def _figures(scored: Scored) -> Value:
    return kept(written(scored), references_of(scored)).figures.share


def _names(scored: Scored) -> Value:
    return kept(written(scored), references_of(scored)).names.share


def _is_to_negate(case: Case) -> bool:
    references = listed(case, "references")
    return bool(references) and all(negation_kept(reference, reference) for reference in references)


def _negation(scored: Scored) -> bool:
    return bool(negation_kept(references_of(scored)[0], written(scored)))


def _most_words(case: Case) -> int | None:
    """What the caller allows; summarize has a limit also where the caller sends none."""
    limit = case.input.params.get("max_words", _MAX_WORDS if case.task == "summarize" else None)
    return None if limit is None else int(limit)


def _within_length(scored: Scored) -> bool:
    limit = _most_words(scored.case)
    return not output_of(scored).get("shortened") and (limit is None or count_words(written(scored)) <= limit)


def _wanted_language(scored: Scored) -> str | None:
    """What the case says, else what the caller asks for, else that of the references, of the case, of the source."""
    case = scored.case
    if isinstance(case.expected.get("language"), str):
        return str(case.expected["language"])
    if asked := case.input.params.get("language"):
        return language_code(str(asked))
    told = language_of("\n".join(listed(case, "references")))
    return language_code(told or "") or case.language or language_code(language_of(source_of(scored)) or "")


def _language_kept(scored: Scored) -> float | None:
    wanted = _wanted_language(scored)
    return None if wanted is None else float(not is_certainly_not(written(scored), wanted))


FACTS_STATED = Metric(
    name="facts_stated",
    title="Facts stated, 0 to 1",
    kind=Kind.CONTINUOUS,
    score=guarded(_facts, applies=expects("facts")),
    description="The share of the case's facts that the answer states in their words.",
)
FORBIDDEN_ABSENT = Metric(
    name="forbidden_absent",
    title="Nothing forbidden, 0 or 1",
    kind=Kind.BINARY,
    score=guarded(_forbidden_absent, applies=expects("forbidden")),
    description="Whether none of the case's forbidden strings stands in the answer.",
)
NUMBERS_KEPT = Metric(
    name="numbers_kept",
    title="Numbers kept, 0 to 1",
    kind=Kind.CONTINUOUS,
    score=guarded(_figures, applies=lambda case: kept("", listed(case, "references")).figures.of > 0),
    description="Of the numbers and dates that all references have, the share that the answer has, in any spelling.",
)
NAMES_KEPT = Metric(
    name="names_kept",
    title="Names kept, 0 to 1",
    kind=Kind.CONTINUOUS,
    score=guarded(_names, applies=lambda case: kept("", listed(case, "references")).names.of > 0),
    description="Of the names that all references have, the share that the answer has; as far as capitals tell names.",
)
NEGATION_KEPT = Metric(
    name="negation_kept",
    title="Negation kept, 0 or 1",
    kind=Kind.BINARY,
    score=guarded(_negation, applies=_is_to_negate),
    description="Where all references negate something, whether the answer does; what is negated isn't compared.",
)
LENGTH = Metric(
    name="length_compliance",
    title="Length kept, 0 or 1",
    kind=Kind.BINARY,
    score=guarded(_within_length, applies=lambda case: _most_words(case) is not None),
    description="Whether the text has at most max_words words, and nothing had to be cut off.",
)
LANGUAGE_KEPT = Metric(
    name="language_kept",
    title="Language kept, 0 or 1",
    kind=Kind.BINARY,
    score=guarded(_language_kept, applies=lambda case: case.input.params.get("output_schema") is None),
    description="Whether the answer isn't for certain in another language than the source's, or the one asked for.",
)
