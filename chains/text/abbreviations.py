"""Full stops that end no sentence: behind abbreviations, initials and ordinal numbers, in several languages.

A bounded list, no guess: where a stop may be either ("at 5 p.m. Then"), it counts as part of the abbreviation, so that
a cut is rather at the end of the sentence before than within one.
"""

import regex

__all__ = ["is_within_sentence"]

_REACH = 24
"""How many code points before a full stop are looked at: no abbreviation of the list is longer."""

_ALWAYS = """
    dr mr mrs ms mx prof sr jr st rev hon gen col maj capt cmdr lt sgt cpl gov sen rep pres messrs mme mlle mgr esq
    vs approx est dept fig figs eq eqs sec ch vol vols pp ed eds cf ca viz al ext tel appt apt ave blvd rd inc ltd corp
    co bros mt ft min max incl excl resp misc govt univ assn jan feb mar apr jun jul aug sept sep oct nov dec mon tue
    tues wed thu thurs fri
    hr fr frl dipl ing bzw ggf evtl inkl exkl zzgl vgl usw bspw sog abs nr str ung mio mrd tsd mind okt dez hrsg aufl
    kap geb gest verh zb dh ua
    mm env av bd éd chap réf ex janv févr avr juil déc
    sra srta dra da ud uds vd pág págs núm aprox tfno admón apdo avda exmo ilmo sto sta lda pg
    sig dott ssa ecc pag cap dhr mevr mw bijv enz nl blz evt ir drs
    np tzn tj ul godz inż hab tzv např atd г гг ул д т тыс млн млрд руб им стр рис табл напр проф акад
"""
"""English titles, ranks, places and words of running text; German; French; Spanish and Portuguese; Italian and Dutch;
Polish, Czech and Russian."""
_BEFORE_NUMBERS = "no nos nr p s art n nº núm № par para cl reg lot bl abs ziff rn"
"""Words of their own elsewhere; abbreviations only before a number: "No. 5", "art. 3", "p. 12"."""
_MONTHS = """
    januar februar märz april mai juni juli august september oktober november dezember jänner
    januari februari mars marts maj desember kesäkuuta tammikuuta
"""
_ABBREVIATIONS = frozenset(_ALWAYS.split())
_NUMBERED = frozenset(_BEFORE_NUMBERS.split())
_ORDINAL_MONTHS = frozenset(_MONTHS.split())
_TOKEN = regex.compile(r"(?r)([\p{L}\p{M}\p{N}№.'’-]+)\n?")  # read from its end
_DOTTED = regex.compile(r"(?:\p{L}{1,3}\.)+\p{L}{1,3}")
_INITIAL = regex.compile(r"[\p{Lu}\p{Ll}]|\p{Lu}\.-?\p{Lu}")
_ORDINAL = regex.compile(r"\p{N}{1,2}")
_NEXT = regex.compile(r"[ \u00a0\u202f]*([\p{L}\p{M}]+|\p{N}|)")


def is_within_sentence(text: str, stop: int) -> bool:
    """Whether the full stop at this code point belongs to what stands before it, and the sentence goes on."""
    token = _TOKEN.match(text, max(0, stop - _REACH), stop)
    if token is None:
        return False
    word = token.group(1).lstrip(".'’-")
    folded = word.casefold()
    if folded in _ABBREVIATIONS or (word != "I" and _INITIAL.fullmatch(word)):
        return True
    if folded in _NUMBERED:
        return _follower(text, stop).isnumeric()
    if _ORDINAL.fullmatch(word):
        follower = _follower(text, stop)
        return _numbers_an_item(text, stop - len(word)) or follower.islower() or follower.casefold() in _ORDINAL_MONTHS
    return "." in word and _DOTTED.fullmatch(word) is not None


def _follower(text: str, stop: int) -> str:
    """The word or the digit behind the full stop, else nothing."""
    found = _NEXT.match(text, stop + 1)
    return found.group(1) if found else ""


def _numbers_an_item(text: str, start: int) -> bool:
    """Whether the number at `start` begins its line or follows the end of a sentence: "1. First point"."""
    before = text[max(0, start - _REACH) : start].rstrip(" \t")
    return not before or before[-1] in "\n.!?;:"
