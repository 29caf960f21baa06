"""A transcript is cleaned, not worded anew: what rules alone make of it, and whether a model kept to its words.

The rules know the fillers of English and German, and how speakers correct themselves: after `no wait`, `I mean` and the
like, what follows takes the place of what stands before. A question begins anew with its question word; a word that is
said again is taken back to where it was said first; else one word is replaced. `no`, `sorry` and `wait` by themselves
count in questions only, since they are common words too.
"""

from collections import Counter

import regex

from chains.tasks.rewrite.language import language_of

__all__ = ["cleaned", "kept_to_the_words"]

_FILLERS = r"u+h+m*|u+m+|e+r+m*|hm+|ä+h+m*|ö+h+m*"
# A German `um` is a word of its own: without a comma beside it, it is none of these.
_FILLER = regex.compile(
    rf"""(?xi) ,\s*(?:{_FILLERS}|you\ know|i\ mean|weißt\ du|sozusagen)\b\s*,
    | (?:,\s*)? \b(?!um\b)(?:{_FILLERS})\b (?!\s*[.!?]) (?:\s*,)?
    | ,\s*um\b | (?<=^|[:,]\s*)um\b\s*,"""
)
_STRONG = (
    r"no,?\ sorry|sorry,?\ no|no,?\ wait|wait,?\ no|no,?\ no|oh,?\ no|no,?\ rather|no,?\ i\ mean(?:t)?|or,?\ i\ mean"
    r"|i\ mean(?:t)?|or,?\ rather|no,?\ make\ that|or,?\ make\ that|make\ that|scratch\ that|no,?\ change\ that"
    r"|no,?\ actually|no,?\ never\ ?mind|nein,?\ warte|nein,?\ ich\ meine|ich\ meine|oder,?\ besser\ gesagt"
    r"|besser\ gesagt|nein,?\ quatsch"
)
_WEAK = r"no|sorry|wait|rather|actually|well|oops|or|nein"
_CUE = regex.compile(
    rf"(?xi)(?<=[\s,]) (?:(?P<strong>(?:(?:{_FILLERS}),?\s+){{1,3}}+no|(?:(?:{_FILLERS}),?\s+){{0,3}}+(?:{_STRONG}))"
    rf"|(?:(?:{_FILLERS}),?\s+){{0,3}}+(?P<weak>{_WEAK}))\b ,?\s*+"
    rf"(?:(?:{_FILLERS}|{_STRONG}|no|sorry|wait|rather)\b,?\s*+){{0,4}}"
)
# After these, `no` and the others are words of the sentence.
_IN_THE_SENTENCE = (
    "am is are was were be been has have had there with in at by of to do does did i'm so would i'd and but must can "
    "not will a the makes make need needs say said ist war hat haben"
)
_NO_CUE_AFTER = frozenset(_IN_THE_SENTENCE.split())
_QUESTION = regex.compile(
    r"(?i)(?:(?:in|on|at|for|by|to|of|from|with) )?(?:what|who|whose|whom|which|when|where|why|how|was|wer|wessen|wann"
    r"|wo|warum|wie|welche[rsmn]?)\b"
)
_SENTENCE = regex.compile(
    r"[^.!?。！？\n]++(?:[.!?。！？](?!\s)[^.!?。！？\n]*+)*+[.!?。！？]*+\s*+|[.!?。！？\n]+\s*+"
)
_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{M}\p{N}]*+(?:['’.,:-][\p{L}\p{N}]++)*+")
_TWICE = regex.compile(r"(?i)\b(?!had\b|that\b|very\b|so\b)(\p{L}{1,12}) \1\b")
_BACK = 8
_WINDOW = 300
_MOST_CORRECTIONS = 4
_KEPT = 0.75
_NEW = 0.05


def cleaned(text: str) -> str:
    """The text without fillers and corrected words, by the rules alone; only words are left out."""
    return "".join(_sentence(match.group()) for match in _SENTENCE.finditer(text))


def kept_to_the_words(answer: str, source: str) -> str:
    """The answer, or what the rules make of the source, where the answer adds words, or leaves out more than a quarter
    of those that the rules keep. Where the rules find nothing to do, or the language is none of theirs, the answer."""
    if language_of(source) not in {"en", "de", "Latin", None}:
        return answer
    by_rule = cleaned(source)
    if by_rule == source:
        return answer
    before, kept, after = _words(source), _words(by_rule), _words(answer)
    added = (after - before).total()
    if added <= max(1, _NEW * before.total()) and (kept & after).total() >= _KEPT * kept.total():
        return answer
    return by_rule.strip()


def _words(text: str) -> Counter[str]:
    return Counter(match.group().casefold() for match in _WORD.finditer(text))


def _sentence(sentence: str) -> str:
    found = sentence
    for _ in range(_MOST_CORRECTIONS):
        corrected = _corrected(found)
        if corrected == found:
            break
        found = corrected
    found = _FILLER.sub(" ", found)
    found = _TWICE.sub(r"\1", found)
    if found == sentence:
        return sentence
    space = sentence[len(sentence.rstrip()) :]
    found = regex.sub(r"\s+([.!?,])", r"\1", regex.sub(r"[ \t]{2,}", " ", found)).strip(" ,\t")
    return found[:1].upper() + found[1:].rstrip() + space


def _corrected(sentence: str) -> str:
    """The sentence without its last correction, and what that replaced."""
    question = _QUESTION.match(sentence) is not None
    for match in reversed(list(_CUE.finditer(sentence))):
        first = max(0, match.start() - _WINDOW)
        before, after = sentence[first : match.start()].rstrip(" ,"), sentence[match.end() :]
        said, resumed = list(_WORD.finditer(before)), _WORD.match(after)
        if said and resumed and before[-1] != ":":
            weak = "" if match["strong"] else match["weak"].casefold()
            start = _replaced_from(said, resumed, weak, question)
            if start is not None:
                return sentence[: first + start] + after
    return sentence


def _replaced_from(said: list[regex.Match[str]], resumed: regex.Match[str], weak: str, question: bool) -> int | None:
    """Where in what was said begins what is replaced; None where the cue is rather none. `weak` is a cue that is a
    common word too, or nothing."""
    if question and _QUESTION.match(resumed.group()):
        return 0
    if weak == "or" or (weak and (not question or said[-1].group().casefold() in _NO_CUE_AFTER)):
        return None
    again = [word.start() for word in said[-_BACK:] if word.group().casefold() == resumed.group().casefold()]
    return again[-1] if again else said[-1].start()
