"""Whether a rewriting is in another language than its source, where that is certain."""

from collections import Counter
from functools import cache, lru_cache

import regex

__all__ = ["is_foreign", "language_of"]

_SCRIPTS = (
    *("Latin", "Cyrillic", "Greek", "Armenian", "Georgian", "Arabic", "Hebrew", "Han", "Hangul", "Kana", "Thai", "Lao"),
    *("Khmer", "Myanmar", "Tibetan", "Mongolian", "Ethiopic", "Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Oriya"),
    *("Tamil", "Telugu", "Kannada", "Malayalam", "Sinhala"),
)
_LETTERS = {
    name: regex.compile(rf"\p{{{name}}}" if name != "Kana" else r"[\p{Hiragana}\p{Katakana}]") for name in _SCRIPTS
}
_WORD = regex.compile(r"\p{L}+")
# Frequent words; those that stand in two rows tell nothing.
_FREQUENT = {
    "en": "the and was were with that this for have has had you are not they will from by of it its we our your she he",
    "de": "der das und ist nicht mit für den dem ein eine einen auf wir ich sie wird sind auch von zu sich bei oder",
    "fr": "le les et est dans pour une des nous vous qui sur avec pas au aux du ce cette il elle sont ont mais où",
    "es": "el los las y es en por una para con su del como más pero este esta son fue lo al muy está también",
    "it": "il gli è di che per una con non sono della nel anche ma lo dei alla questo più come ha si",
    "nl": "het een en van niet met voor zijn wij dat ook naar maar bij zij deze wordt hij te op uit aan",
    "pt": "os uma não com em são você mais do da dos das na no ao foi pelo também ou seu sua",
}
_SAMPLE = 20_000
_FEWEST_LETTERS = 4
_MOST_OF_IT = 0.6
_FEWEST_WORDS = 4
_CLEARLY = 4


def is_foreign(text: str, source: str) -> bool:
    """Whether both are certain to be in different scripts or languages."""
    languages = {language_of(text), language_of(source)}
    if None in languages or languages == {"Han", "Kana"}:
        return False
    latin = {"Latin", *_FREQUENT}
    return len(languages) > 1 and not ("Latin" in languages and languages <= latin)


def language_of(text: str) -> str | None:
    """The script of at least six of ten of the first letters; None where there are few, or of several scripts.

    Of Latin texts the language (`de`), where the frequent words of one language stand there four times as often as
    those of any other; it is one of seven, and unlike ones that share words with them, such as Afrikaans, aren't told.
    Chinese is Han, Japanese is Kana.
    """
    sample = text[:_SAMPLE]
    counts = dict.fromkeys(_SCRIPTS, 0)
    for char, count in Counter(sample).items():
        if script := _script_of(char):
            counts[script] += count
    if counts["Kana"]:
        counts["Kana"] += counts.pop("Han")
    name = max(counts, key=lambda script: counts[script])
    total = sum(counts.values())
    if total < _FEWEST_LETTERS or counts[name] < _MOST_OF_IT * total:
        return None
    return _by_words(sample) if name == "Latin" else name


@lru_cache(4096)
def _script_of(char: str) -> str | None:
    return next((name for name, pattern in _LETTERS.items() if pattern.match(char)), None)


def _by_words(text: str) -> str:
    told = _telling()
    counts = Counter(told[word] for word in _WORD.findall(text.casefold()) if word in told)
    (first, most), (_, next_most) = [*counts.most_common(2), ("", 0), ("", 0)][:2]
    return first if most >= _FEWEST_WORDS and most >= _CLEARLY * next_most else "Latin"


@cache
def _telling() -> dict[str, str]:
    """The words that tell a language, with the language that they tell."""
    rows = {language: set(words.split()) for language, words in _FREQUENT.items()}
    common = Counter(word for words in rows.values() for word in words)
    return {word: language for language, words in rows.items() for word in words if common[word] == 1}
