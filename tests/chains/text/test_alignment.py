"""Where a model's words stand in the source, over the scripts that callers write in."""

import itertools
import resource
import time
import unicodedata

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from chains.text import Alignment, Mention, SourceIndex, StringIndexType

EXACT, NORMALIZED, FUZZY = Alignment.EXACT, Alignment.NORMALIZED, Alignment.FUZZY


def placed(source: str, *wanted: str) -> list[tuple[str, int, Alignment] | None]:
    mentions = SourceIndex(source).place(wanted)
    return [(source[one.start : one.end], one.start, one.alignment) if one else None for one in mentions]


@pytest.mark.parametrize(
    ("source", "wanted", "unit", "offset", "length"),
    [
        pytest.param("met Ada.", "Ada", "utf16", 4, 3, id="plain"),
        pytest.param("😀 met Ada", "Ada", "utf16", 7, 3, id="emoji counts two in utf16"),
        pytest.param("😀 met Ada", "Ada", "unicode", 6, 3, id="emoji counts one in code points"),
        pytest.param("a\r\nAda", "Ada", "utf16", 3, 3, id="crlf counts two"),
        pytest.param("在北京见面", "北京", "utf16", 1, 2, id="chinese has no spaces"),
        pytest.param("Anna and Ann", "Ann", "utf16", 9, 3, id="whole words only"),
        pytest.param("cafe\u0301 x", "cafe\u0301", "unicode", 0, 5, id="combining mark"),
        pytest.param("👨‍👩‍👧 family", "👨‍👩‍👧", "utf16", 0, 8, id="joined emoji"),
        pytest.param("زارت مريم القاهرة", "القاهرة", "utf16", 10, 7, id="arabic"),
        pytest.param("x 𝔸da y", "ada", "utf16", 2, 4, id="normalized astral letter"),
    ],
)
def test_finds_spans_in_the_caller_s_unit(source: str, wanted: str, unit: str, offset: int, length: int) -> None:
    index = SourceIndex(source, StringIndexType(unit))
    (mention,) = index.place([wanted])
    assert mention is not None
    span = index.span(mention)
    assert (span.offset, span.length) == (offset, length)


@pytest.mark.parametrize(
    ("source", "wanted", "found", "alignment"),
    [
        pytest.param("Ada Lovelace", "Ada Lovelace", "Ada Lovelace", EXACT, id="to the letter"),
        pytest.param("ADA LOVELACE", "Ada Lovelace", "ADA LOVELACE", NORMALIZED, id="case"),
        pytest.param("Ada\r\n  Lovelace", "Ada Lovelace", "Ada\r\n  Lovelace", NORMALIZED, id="white space"),
        pytest.param("Ada\u00a0Lovelace", "Ada Lovelace", "Ada\u00a0Lovelace", NORMALIZED, id="no-break space"),
        pytest.param("Cafe\u0301 x", "Caf\u00e9", "Cafe\u0301", NORMALIZED, id="decomposed in the source"),
        pytest.param("Caf\u00e9 x", "Cafe\u0301", "Caf\u00e9", NORMALIZED, id="decomposed by the model"),
        pytest.param("Straße 1", "STRASSE 1", "Straße 1", NORMALIZED, id="sharp s"),
        pytest.param("the ﬁrm", "firm", "ﬁrm", NORMALIZED, id="ligature"),
        pytest.param("ＡＢＣ株式会社", "ABC株式会社", "ＡＢＣ株式会社", NORMALIZED, id="full width"),
        pytest.param("“Le Monde”", '"Le Monde"', "“Le Monde”", NORMALIZED, id="quotes"),
        pytest.param("1999–2004", "1999-2004", "1999–2004", NORMALIZED, id="dash"),
        pytest.param("Ada\u200bLove", "AdaLove", "Ada\u200bLove", NORMALIZED, id="invisible character within"),
        pytest.param("❤️ yes", "❤", "❤️", NORMALIZED, id="variation selector behind"),
        pytest.param(
            "Wisława Szczepańska came", "Wislawa Szczepanska", "Wisława Szczepańska", FUZZY, id="accents lost"
        ),
        pytest.param("Charles Babbage came", "Charles Babage", "Charles Babbage", FUZZY, id="a letter lost"),
        pytest.param("Charles Babbage came", " Charles Babbage ", "Charles Babbage", EXACT, id="spaces around"),
        pytest.param("Müller's car", "Müller", "Müller", EXACT, id="possessive"),
        pytest.param("İstanbul'da yağmur", "İstanbul", "İstanbul", EXACT, id="turkish case"),
        pytest.param("chez l’Oréal", "Oréal", "Oréal", EXACT, id="elided article"),
        pytest.param("서울에서 만나요", "서울", "서울", EXACT, id="korean particle"),
        pytest.param("🎉", "🎉", "🎉", EXACT, id="nothing but an emoji"),
    ],
)
def test_takes_the_source_s_own_words(source: str, wanted: str, found: str, alignment: Alignment) -> None:
    assert placed(source, wanted) == [(found, source.index(found), alignment)]


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        pytest.param("Anna", "Ann", id="beginning of a word"),
        pytest.param("DE89ABC", "DE89", id="beginning of a code"),
        pytest.param("Joanna", "anna", id="end of a word"),
        pytest.param("O'Brien", "Brien", id="part of an Irish name"),
        pytest.param("3.14", "14", id="part of a number"),
        pytest.param("cafe\u0301", "cafe", id="without its combining mark"),
        pytest.param("👨‍👩‍👧", "👩", id="part of an emoji"),
        pytest.param("🇩🇪🇫🇷", "🇪🇫", id="halves of two flags"),
        pytest.param("the ﬁrm", "f", id="half of a ligature"),
        pytest.param("서울에서", "울", id="inside a korean word"),
        pytest.param("Ada", "", id="nothing"),
        pytest.param("Ada", " \n", id="white space"),
        pytest.param("Ada", "\u200b", id="invisible"),
        pytest.param("call 0555 219 447", "0555 219 448", id="another number is not alike"),
        pytest.param("Anna came", "Anne", id="too short to be alike"),
        pytest.param("Charles Babbage", "Charlotte Brontë", id="not alike"),
    ],
)
def test_does_not_find_what_is_not_there(source: str, wanted: str) -> None:
    assert placed(source, wanted) == [None]


def test_repeated_mentions_come_in_order() -> None:
    ada = [("Ada", 0, EXACT), ("Ada", 13, EXACT), None]
    assert placed("Ada wrote to Ada.", "Ada", "Ada", "Ada") == ada


def test_a_mention_within_a_longer_one_comes_last() -> None:
    found = placed("The New York Times of New York", "New York", "New York Times", "New York")
    assert found == [("New York", 22, EXACT), ("New York Times", 4, EXACT), ("New York", 4, EXACT)]


def test_the_edges_of_words_are_those_of_the_whole_source() -> None:
    source = "Annabel and Ann"
    assert SourceIndex(source).place(["Ann"], 0, 3) == [None]
    assert SourceIndex(source).place(["Ann"], 3, len(source)) == [Mention(12, 15, EXACT)]


SCRIPTS = st.text(
    st.sampled_from("aAdD éÉß'’-–“\r\n\u0301\u0308\u200d\ufe0f\u00a0ﬁ½😀👩👧🇩🇪北京上مريم서울ก็กำक्षि１２12.,İıǰΣς\u0600"),
    max_size=40,
)
SOURCES = st.one_of(st.text(max_size=40), SCRIPTS)


@given(SOURCES, st.lists(SOURCES, max_size=4), st.data())
@example("a\u0301", ["a"], None)
def test_offsets_give_the_words_in_both_units(source: str, wanted: list[str], data: st.DataObject | None) -> None:
    if data and source:
        start = data.draw(st.integers(0, len(source) - 1))
        wanted = [*wanted, source[start : data.draw(st.integers(start + 1, len(source)))]]
    clusters = {match.start() for match in regex.finditer(r"\X", source)} | {len(source)}
    units = source.encode("utf-16-le", "surrogatepass")
    for unit in StringIndexType:
        index = SourceIndex(source, unit)
        for mention in filter(None, index.place(wanted)):
            text, span = source[mention.start : mention.end], index.span(mention)
            assert text
            assert {mention.start, mention.end} <= clusters
            if unit is StringIndexType.UTF16:
                part = units[2 * span.offset : 2 * (span.offset + span.length)]
                assert part.decode("utf-16-le", "surrogatepass") == text
            else:
                assert source[span.offset : span.offset + span.length] == text


@given(
    st.lists(
        st.sampled_from(["Ada", "Élodie", "Müller", "北京", "القاهرة", "서울", "😀", "DE89"]), min_size=1, max_size=9
    )
)
def test_every_mention_of_a_word_is_found_however_it_is_written(words: list[str]) -> None:
    source = " ".join(words)
    for written in (source, unicodedata.normalize("NFD", source), source.replace(" ", "\r\n"), source.upper()):
        mentions = SourceIndex(written).place(words)
        assert all(mentions)
        found = sorted((mention.start, mention.end) for mention in mentions if mention)
        assert len(set(found)) == len(words)
        assert all(first[1] <= second[0] for first, second in itertools.pairwise(found))


@pytest.mark.parametrize(
    "sentence",
    [
        pytest.param("Ada Lovelace met Charles Babbage in London in 1833.\r\n\r\n", id="english"),
        pytest.param("王小明昨天从北京飞往上海。", id="chinese"),
        pytest.param("Jürgen Großmann reiste mit Zoë Müller nach Köln.  ", id="german"),
        pytest.param("aaaaaaaaaa", id="one word without end"),
        pytest.param("e\u0301\u0301", id="marks without end"),
    ],
)
def test_five_megabytes_take_seconds_and_little_memory(sentence: str) -> None:
    source = sentence * (5_000_000 // len(sentence.encode()))
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.thread_time()
    index = SourceIndex(source, StringIndexType.UTF16)
    assert index.place(["Nobody Anywhere", "Charles Babage", "aaaaab", "aaaaa"])[0] is None
    assert time.thread_time() - start < 3
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 200
