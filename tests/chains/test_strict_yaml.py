"""YAML as data only: what is refused, where and how fast, and that both parsers say the same."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from chains import strict_yaml
from chains.strict_yaml import YamlError, load_yaml
from tests.chains.effort import little_work

MOST = 1 << 18
PIECES = [
    "a", "b: ", "- ", "\n", "\n ", "\n  ", "\n    ", "{", "}", "[", "]", ", ", ": ", ":", "? ", "| ", "|\n  ", ">-\n  ",
    '"', "'", "\\", "\\n", "\\u0041", "\\ud800", "#", " #", "---\n", "...\n", "%", "&a ", "*a", "!!str ", "!x ", "<<: ",
    "=", "~", "null", "true", "no", "1", "-1", "0x1F", "0x_", "010", "1_000", "1.5", "1e3", "1.0e+3", ".5", ".inf",
    "12:30", "2020-01-01", "@", "`", "é", "😀", "\x00", "\x07", "-", "\n- ", "\nkey: ", "x y", "|2\n   ", ">+\n",
    "''", '""', ",",
]  # fmt: skip


def refused(text: str) -> YamlError:
    with little_work(), pytest.raises(YamlError) as caught:
        load_yaml(text)
    assert len(str(caught.value)) < 500, "the message quotes too much"
    return caught.value


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        pytest.param("a: &a [x]\nb: [*a, *a]", (1, 4), "anchors and aliases", id="anchors"),
        pytest.param("a: *a", (1, 4), "anchors and aliases", id="an alias of nothing"),
        pytest.param("a: !!python/object/apply:os.system [id]", (1, 4), "'!!python/object/apply:os.system'", id="call"),
        pytest.param("!!python/name:os.system", (1, 1), "'!!python/name:os.system' is not allowed", id="name"),
        pytest.param("!!python/object/new:type {}", (1, 1), "'!!python/object/new:type'", id="new object"),
        pytest.param("!<tag:yaml.org,2002:python/tuple> [1]", (1, 1), "'!!python/tuple'", id="verbatim tag"),
        pytest.param("a: !!bool x", (1, 4), "'!!bool'", id="a bool that is none"),
        pytest.param("a: !!int", (1, 4), "'!!int'", id="an int that is none"),
        pytest.param("!!map [a]", (1, 1), "'!!map'", id="a list as mapping"),
        pytest.param("? !!str [a]\n: b", (1, 3), "'!!str'", id="a list as text for a key"),
        pytest.param("a: !!binary aGk=", (1, 4), "'!!binary'", id="bytes"),
        pytest.param("a: ! b", (1, 4), "the tag '!'", id="the tag of no name"),
        pytest.param(f"!{'a' * 5000} b", (1, 1), "...' is not allowed", id="a long tag"),
        pytest.param(
            "%TAG ! tag:yaml.org,2002:python/\n---\n!name:os.system", (1, 1), "may not begin with %", id="TAG"
        ),
        pytest.param("a: b\n%YAML 1.1", (2, 1), "may not begin with %", id="a directive within"),
        pytest.param("a: 1\nb: 2\na: 3", (3, 1), "the key 'a' stands twice", id="repeated key"),
        pytest.param("{a: {b: 1, c: 2, b: 3}}", (1, 18), "the key 'b' stands twice", id="repeated key inside"),
        pytest.param(f"? {'k' * 2000}\n: 1", (1, 3), "longer than 1024", id="a long key"),
        pytest.param("1: a", (1, 1), "the key '1' is not a text", id="a number as key"),
        pytest.param("{a: 1}: b", (1, 1), "a mapping as key", id="a mapping as key"),
        pytest.param("~: 1", (1, 1), "the key '~' is not a text", id="null as key"),
        pytest.param(f"a: {'9' * 5000}", (1, 4), "at most 64 bits", id="huge integer"),
        pytest.param(f"a: 0x{'f' * 100_000}", (1, 4), "at most 64 bits", id="huge hexadecimal integer"),
        pytest.param("a: -18446744073709551616", (1, 4), "at most 64 bits", id="65 bits"),
        pytest.param(f"a: 1{':59' * 20_000}", (1, 4), "at most 64 bits", id="huge sexagesimal integer"),
        pytest.param("a: 0x_", (1, 4), "at most 64 bits", id="an integer without digits"),
        pytest.param("a: 1.0e+999999", (1, 4), "not a number of JSON's", id="huge float"),
        pytest.param(f"a: 1{':59' * 20_000}.5", (1, 4), "not a number of JSON's", id="huge sexagesimal float"),
        pytest.param(f"a: {'9' * 5000}.5", (1, 4), "not a number of JSON's", id="a float of many digits"),
        pytest.param("a: .nan", (1, 4), "not a number of JSON's", id="NaN"),
        pytest.param('a: "\\ud800"', (1, 7), "invalid Unicode", id="half of a surrogate pair"),
        pytest.param('a: "\\U00110000"', (1, 7), "invalid Unicode", id="beyond Unicode"),
        pytest.param('a: "\\UFFFFFFFF"', (1, 7), "invalid Unicode", id="far beyond Unicode"),
        pytest.param("a: b\x00c", (1, 5), "0x0 is not allowed", id="NUL"),
        pytest.param("a\n---\nb", (2, 1), "another document", id="two documents"),
    ],
)
def test_what_nobody_means_is_refused_with_its_place(text: str, place: tuple[int, int], words: str) -> None:
    error = refused(text)
    assert words in error.message
    assert (error.line, error.column) == place


def numbered(count: int, line: str) -> str:
    return "".join(line.format(number) for number in range(count))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("a: " + "x" * (1 << 20), "longer than 262144", id="a scalar of 1 MB"),
        pytest.param(numbered(110_000, "k{}: v\n"), "longer than 262144", id="1 MB of keys"),
        pytest.param(numbered(20_000, "k{}: v\n"), "more than 10000 values", id="many keys"),
        pytest.param("[" + "a," * 100_000 + "]", "more than 10000 values", id="a long list"),
        pytest.param("a: &a [x,x]\n" + numbered(30, "b{0}: &b{0} [*a,*a]\n"), "anchors", id="billion laughs"),
        pytest.param("[" * 100_000 + "]" * 100_000, "nested more than 32", id="100,000 lists"),
        pytest.param("[" * 100_000, "nested more than 32", id="100,000 lists, open"),
        pytest.param("{a: " * 60_000, "nested more than 32", id="60,000 mappings"),
        pytest.param("{? " * 80_000, "nested more than 32", id="80,000 mappings as keys"),
        pytest.param("- " * 100_000, "nested more than 32", id="100,000 lists in block style"),
        pytest.param("? " * 100_000, "nested more than 32", id="100,000 mappings in block style"),
        pytest.param("\n".join(" " * n + "a:" for n in range(700)), "nested more than 32", id="700 indents"),
        pytest.param("a: " + "x " * 130_000 + "\n]", "not valid YAML", id="a long text, then an error"),
        pytest.param("#\n" * 131_000 + "]", "not valid YAML", id="many comments, then an error"),
        pytest.param("[" + "a b c d e f g h i," * 9990 + "}", "not valid YAML", id="a long list, then an error"),
        pytest.param("- a b c d e f g h\n" * 3600 + "]", "not valid YAML", id="a list just read twice, then an error"),
        pytest.param('"' + "\n" * (MOST - 10), "not valid YAML", id="an open quote over many lines"),
        pytest.param('"' + "\\n" * (MOST // 2 - 10), "not valid YAML", id="an open quote with many escapes"),
        pytest.param("a: |\n" + " x\n" * 87_000 + "]", "not valid YAML", id="a long literal, then an error"),
        pytest.param(numbered(17_000, "%TAG !{}! b\n") + "--- a", "may not begin with %", id="many directives"),
        pytest.param("\x85%TAG !a! b" * 20_000, "may not begin with %", id="many directives after other line ends"),
        pytest.param("[" + "!a," * 80_000, "the tag '!a'", id="many tags"),
    ],
)
def test_a_bomb_is_refused_at_once(text: str, words: str) -> None:
    assert words in refused(text).message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("", None, id="nothing"),
        pytest.param("a: [1, 1.5, true, null, x]", {"a": [1, 1.5, True, None, "x"]}, id="JSON's values"),
        pytest.param("a: 2020-01-01", {"a": "2020-01-01"}, id="a date stays a text"),
        pytest.param("<<: {a: b}", {"<<": {"a": "b"}}, id="no merging"),
        pytest.param("a: =", {"a": "="}, id="an equals sign"),
        pytest.param("a: 18446744073709551615", {"a": (1 << 64) - 1}, id="64 bits"),
        pytest.param("a: 'b: c'", {"a": "b: c"}, id="a quoted text"),
        pytest.param("[" * 31 + "1" + "]" * 31, None, id="31 levels"),
        pytest.param("- a\n" * 9_999, ["a"] * 9_999, id="10,000 values"),
        pytest.param("a: |\n  % of\n  b", {"a": "% of\nb"}, id="a percent sign in a text"),
    ],
)
def test_plain_data_is_taken(text: str, value: Any) -> None:
    loaded = load_yaml(text)
    assert value is None or loaded == value


def outcome(loader: Any, text: str) -> tuple[str, str]:
    """A value as JSON, one of our refusals, or the parser's. Anything else is raised."""
    try:
        return "value", json.dumps(strict_yaml._value(loader(text)))
    except YamlError as error:
        return "strict", error.message
    except (yaml.YAMLError, ValueError, OverflowError):
        return "invalid", ""


@settings(max_examples=600, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_both_parsers_read_the_same_and_nothing_else_is_raised(text: str) -> None:
    fast, telling = outcome(strict_yaml._FastLoader, text), outcome(strict_yaml._TellingLoader, text)
    if fast[0] == telling[0] == "value":
        assert fast == telling
    if fast[0] == "value" and "%" not in text:
        assert json.dumps(load_yaml(text)) == fast[1]
    elif fast[0] != "value":
        with pytest.raises(YamlError) as caught:
            load_yaml(text)
        assert min(caught.value.line, caught.value.column) >= 1
