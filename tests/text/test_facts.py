"""What is a fact of a text, by kind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chains.text.facts import FactKind, facts, missing

PIECES = (
    "A ",
    "b_",
    "1",
    ",",
    ".",
    "- ",
    "{x}",
    "`y`",
    "@z",
    "3May",
    "》《",
    "é",
    "ı",
    "İ",
    "5% ",
    "2024-05-03",
    "a.com/",
    "U.S.",
)


def found(text: str, kind: FactKind) -> list[str]:
    return [fact.text for fact in facts(text) if fact.kind is kind]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        pytest.param("Buses 4 and 9 run.", ["4", "9"], id="plain"),
        pytest.param("It costs 2.4 million euros.", ["2.4 million euros"], id="scale and currency"),
        pytest.param("€30 or 30 €", ["€30", "30 €"], id="currency before and after"),
        pytest.param("5 % of 1,234.50 USD", ["5 %", "1,234.50 USD"], id="percent"),
        pytest.param("It was -7, pages 50-60", ["-7", "50", "60"], id="a sign and a range"),
        pytest.param("the 3rd of 10 000", ["3rd", "10 000"], id="ordinal and spaces"),
        pytest.param("花了３０００元，١٢٣", ["３０００元", "١٢٣"], id="digits of other scripts"),
        pytest.param("one of five", [], id="spelled out"),
        pytest.param("1.2.3 is out.", ["1.2.3"], id="the sentence's point isn't the number's"),
    ],
)
def test_numbers(text: str, numbers: list[str]) -> None:
    assert found(text, FactKind.NUMBER) == numbers


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        pytest.param("on 3 May 2024, and May 5th", ["3 May 2024", "May 5th"], id="english"),
        pytest.param("am 3. Mai 2024 um 14:30 Uhr", ["3. Mai 2024", "14:30 Uhr"], id="german"),
        pytest.param("el 3 de mayo de 2024", ["3 de mayo de 2024"], id="spanish"),
        pytest.param("2024-05-03, 03/05/2024, 3.5.24", ["2024-05-03", "03/05/2024", "3.5.24"], id="digits"),
        pytest.param("(October 21, 1928-August 20, 2013)", ["October 21, 1928", "August 20, 2013"], id="a life"),
        pytest.param("(3 May 1940-18 June 2013)", ["3 May 1940", "18 June 2013"], id="another life"),
        pytest.param("2024年5月3日开会", ["2024年5月3日"], id="chinese"),
        pytest.param("see you thursday at 2 p.m.", ["thursday", "2 p.m."], id="weekday and time"),
        pytest.param("we may 5 times march 2019 steps; 45/77/2024", [], id="no months and no day"),
    ],
)
def test_dates(text: str, dates: list[str]) -> None:
    assert found(text, FactKind.DATE) == dates


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("Yesterday we met Ada Lovelace in London.", ["Ada Lovelace", "London"], id="inside a sentence"),
        pytest.param("Ada Lovelace wrote. The parcel came.", ["Ada Lovelace"], id="two words begin a sentence"),
        pytest.param("Peter wrote. Then Peter left.", ["Peter", "Peter"], id="known from inside a sentence"),
        pytest.param("Parcels came. However, I'm OK.", [], id="words that begin a sentence"),
        pytest.param('He said: "Parcels came." - Yes', [], id="quotation and list"),
        pytest.param("The Bank of England and NASA, the U.S.", ["Bank of England", "NASA", "U.S."], id="acronyms"),
        pytest.param("We saw Ada's and Mr. Müller's car.", ["Ada", "Müller"], id="genitives and titles"),
        pytest.param("my iPhone, a McDonald", ["iPhone", "McDonald"], id="capitals inside"),
        pytest.param("We flew to New Zealand with Watt I mean Boulton", ["New Zealand", "Watt", "Boulton"], id="edges"),
        pytest.param("PLEASE SEND THIS FORM NOW", [], id="shouting"),
        pytest.param("the board; our Board says", [], id="in small letters too"),
        pytest.param("Wir haben das Paket und die Rechnung nicht.", [], id="german nouns"),
        pytest.param(
            "Das ist Frau Schmidt, die EU und Angela Merkel.", ["Schmidt", "EU", "Angela Merkel"], id="german"
        ),
        pytest.param("苹果公司的Tim Cook读了《红楼梦》", ["Tim Cook", "《红楼梦》"], id="chinese"),
        pytest.param("كتاب في القاهرة", [], id="arabic can't be told"),
        pytest.param("Мы видели Анну", ["Анну"], id="cyrillic"),
    ],
)
def test_names(text: str, names: list[str]) -> None:
    assert found(text, FactKind.NAME) == names


@pytest.mark.parametrize(
    ("text", "kind", "literals"),
    [
        pytest.param("See https://x.org/a(b)?c=1.", FactKind.URL, ["https://x.org/a(b)?c=1"], id="page"),
        pytest.param("(www.foo.de) and foo.com/a!", FactKind.URL, ["www.foo.de", "foo.com/a"], id="no scheme"),
        pytest.param("请看https://x.org/a。谢谢", FactKind.URL, ["https://x.org/a"], id="chinese around it"),
        pytest.param("Mail a.b+c@x.co.uk.", FactKind.URL, ["a.b+c@x.co.uk"], id="mail"),
        pytest.param("e.g. this. That is it", FactKind.URL, [], id="no address"),
        pytest.param("`git pull`, my_name, myName(), run()", FactKind.CODE,
                     ["`git pull`", "my_name", "myName()", "run()"], id="code"),
        pytest.param("order INV-2024-17 in /etc/hosts", FactKind.CODE, ["INV-2024-17", "/etc/hosts"], id="codes"),
        pytest.param("```\na = 1\n``` and `", FactKind.CODE, ["```\na = 1\n```"], id="fence"),
        pytest.param("either and/or well-known", FactKind.CODE, [], id="no code"),
        pytest.param("Hi {name}, {{ x }} ${y} %s %(z)s <day>", FactKind.PLACEHOLDER,
                     ["{name}", "{{ x }}", "${y}", "%s", "%(z)s", "<day>"], id="placeholders"),
        pytest.param('100 %s, <b>x</b> a < b > c {"a": 1}', FactKind.PLACEHOLDER, [], id="no placeholders"),
    ],
)  # fmt: skip
def test_literals(text: str, kind: FactKind, literals: list[str]) -> None:
    assert found(text, kind) == literals


@pytest.mark.parametrize(
    ("text", "kind", "literals"),
    [
        pytest.param("see you FRİDAY, 3 auguſt", FactKind.DATE, ["FRİDAY", "3 auguſt"], id="unusual small letters"),
        pytest.param("5 MİLLİON and \U00011f53 May", FactKind.NUMBER, ["5 MİLLİON"], id="digits of a young script"),
    ],
)
def test_rare_letters_and_digits(text: str, kind: FactKind, literals: list[str]) -> None:
    assert found(text, kind) == literals
    assert missing(text, text) == []


@given(st.text() | st.lists(st.sampled_from(PIECES)))
def test_facts_are_stretches_of_the_text_in_its_order(source: str | list[str]) -> None:
    text = source if isinstance(source, str) else "".join(source)
    at = 0
    for fact in facts(text):
        assert at <= fact.start < fact.end
        assert text[fact.start : fact.end] == fact.text
        at = fact.end
