"""What a rewriting keeps of its source and what it adds: numbers, dates, names, negation, length; whether it copies.

Facts are found and compared by `chains.text.facts`, as the rewrite task does; `eval` stands above it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

import regex

from chains.text import count_words
from chains.text.facts import Fact, FactKind, Told, missing
from eval.scorers.tokens import words

__all__ = ["FIGURES", "NAMES", "Held", "held", "held_each", "held_of_all", "is_copy", "length_ratio", "negation_kept"]

FIGURES = frozenset({FactKind.NUMBER, FactKind.DATE})
NAMES = frozenset({FactKind.NAME})
_Key = tuple[FactKind, str]

_NEGATION_WORDS = """
not no never none nobody nothing neither nor nowhere cannot without unable impossible
dont doesnt didnt cant wont isnt arent wasnt werent havent hasnt couldnt shouldnt wouldnt
nicht nichts kein keine keinen keinem keiner keines keinerlei keineswegs nie niemals niemand niemanden niemandem
nirgends weder ohne unmöglich
pas jamais rien aucun aucune sans nunca jamás nada nadie ningún ninguna tampoco
не нет никогда никто ничего без нельзя
"""
_NEGATIONS = frozenset(_NEGATION_WORDS.split())
_NEGATED = regex.compile(
    r"""(?xi) \b\p{L}+n['’]t\b
    | [不没沒无無未非别別]
    | ません | (?<![少危切汚])な(?:い|かっ|く(?!な)|けれ) | (?<![かは])なし(?![たて]) | ずに
    | (?<=(?!必)[\p{Han}わらさかがたばえけせてめれきしにびみり])ず(?=[、。]|$)
    | (?<![\p{L}\p{M}])[وف]?(?:لا|لم|لن|ليس(?:ت|وا)?|لست|غير|ب?دون|بلا|ب?عدم)(?![\p{L}\p{M}])"""
)
_MARKS = regex.compile(r"(?<=\p{Arabic})\p{M}+")
# Words that hold a negating sign and negate nothing: very, however, different, special, future, free of charge.
_NO_NEGATION = regex.compile(
    "非常|非洲|南非|除非|莫非|不过|不過|不断|不斷|不久|不仅|不僅|不但|不同|不少|不错|不錯|差不多|不动产|不動産|无论|無論"
    "|未来|未來|特别|特別|区别|區別|区別|分别|分別|个别|個別|级别|級別|性别|性別|类别|類別|识别|識別|辨别|辨別|告别|告別|别人|別人"
    "|别的|別的|别墅|別墅|別途|別の|別に|別れ|送別|無料|無事|無線|無地"
)


@dataclass(frozen=True, slots=True)
class Held:
    """How many distinct facts of a text another text holds."""

    held: int
    of: int

    @property
    def share(self) -> float | None:
        """From 0 to 1; None where there is no fact."""
        return self.held / self.of if self.of else None


def held(of: str, within: str, kinds: Collection[FactKind]) -> Held:
    """The facts of `of` that `within` holds. With the source as `of` and the output as `within` this is preservation
    (recall), the other way round precision: what the output states and the source doesn't is invented."""
    return held_each(of, within, kinds)[0]


def held_each(of: str, within: str, *kinds: Collection[FactKind]) -> list[Held]:
    """`held` for several groups of kinds, at the cost of one."""
    wanted = frozenset().union(*kinds)
    found = {_key(fact) for fact in _told(of).facts(wanted)}
    lost = {_key(fact) for fact in missing(_told(of), _told(within), wanted)} if found else set()
    return [_counted(found, lost, own) for own in kinds]


def held_of_all(texts: Sequence[str], within: str, *kinds: Collection[FactKind]) -> list[Held]:
    """For each group of kinds the facts that every one of the texts holds, in the words of the first one, and how many
    of them `within` does: what one reference leaves out may be left out."""
    wanted = frozenset().union(*kinds)
    found = {_key(fact) for fact in _told(texts[0]).facts(wanted)} if texts else set()
    for text in texts[1:] if found else ():
        found -= {_key(fact) for fact in missing(_told(texts[0]), _told(text), wanted)}
    lost = {_key(fact) for fact in missing(_told(texts[0]), _told(within), wanted)} if found else set()
    return [_counted(found, lost, own) for own in kinds]


def negation_kept(source: str, output: str) -> bool | None:
    """Whether the output negates something, where the source does; None where it doesn't. By common words and signs of
    English, German, French, Spanish, Russian, Chinese, Japanese and Arabic; what is negated isn't compared."""
    return _negates(output) if _negates(source) else None


def is_copy(source: str, output: str) -> bool:
    """Whether the output is the source, but for case, white space and punctuation. The mean is the copy rate."""
    return words(source) == words(output)


def length_ratio(source: str, output: str) -> float | None:
    """The output's words (UAX #29) by the source's; None where the source has none. For a summary the compression."""
    before = count_words(source)
    return count_words(output) / before if before else None


@lru_cache(256)
def _told(text: str) -> Told:
    """A source and its references are compared with the answers of every variant."""
    return Told(text)


def _counted(found: Collection[_Key], lost: Collection[_Key], kinds: Collection[FactKind]) -> Held:
    own = [key for key in found if key[0] in kinds]
    return Held(sum(key not in lost for key in own), len(own))


def _negates(text: str) -> bool:
    bare = _NO_NEGATION.sub(" ", _MARKS.sub("", text))
    return bool(_NEGATED.search(bare)) or not _NEGATIONS.isdisjoint(words(bare))


def _key(fact: Fact) -> _Key:
    return fact.kind, fact.text
