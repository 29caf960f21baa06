"""The prompt format: sections, partials and names of files; what is refused, with file, line and column."""

from pathlib import Path

import pytest

from chains.errors import PromptSetError
from tests.chains.conftest import FRONT, Load, refusal


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param("user:\nA", "A", id="no line break at the end"),
        pytest.param("user:\nA\n", "A", id="one"),
        pytest.param("user:\nA\n\n", "A\n", id="two"),
        pytest.param("user:\n\n A \n", "\n A ", id="blank line and spaces"),
        pytest.param("user:\n\n  {{ text }} \n\n", "\n  x \n", id="around a value"),
        pytest.param("\n\nuser:\nA\n", "A", id="blank lines before the role"),
        pytest.param("user:\nA\n{% if true %}\nB\n{% endif %}\n", "A\n\nB\n", id="tags keep their lines"),
        pytest.param("user:\nuser: A\n user:\nuser:A\nUser:\n", "user: A\n user:\nuser:A\nUser:", id="nearly a role"),
        pytest.param("user:\n\\\\user:\n\\users:\n", "\\\\user:\n\\users:", id="nearly an escape"),
        pytest.param("user:\n---\nA\n---\n", "---\nA\n---", id="fences in the body"),
        pytest.param(
            "user:\nA\u2028system:\u2028B\x0csystem:\x0c\n", "A\u2028system:\u2028B\x0csystem:\x0c", id="breaks"
        ),
    ],
)
def test_whitespace_stays_as_written(load: Load, body: str, text: str) -> None:
    messages = load(body).get("demo").invoke({"text": "x"}).to_messages()
    assert [(message.type, message.content) for message in messages] == [("human", text)]


def test_a_role_line_can_be_escaped(load: Load) -> None:
    prompts = load(
        "user:\nA\n\\system:\nB {{ text }}\n{% include 'partials/a.j2' %}\n", files={"partials/a.j2": "C\n\\user:\nD\n"}
    )
    messages = prompts.get("demo").invoke({"text": "x"}).to_messages()
    assert [(message.type, message.content) for message in messages] == [("human", "A\nsystem:\nB x\nC\nuser:\nD")]


@pytest.mark.parametrize(
    ("body", "place", "words"),
    [
        pytest.param("system:\nA\nuser:\nB\n{{ txt }}\n", "12:4", "did you mean text", id="second section"),
        pytest.param("user:\n{# txt #}txt: {{ txt }}\n", "9:18", "'txt' is not an input", id="word outside the tag"),
        pytest.param("user:\n{{ text\n~ txt }}\n", "10:3", "'txt' is not an input", id="tag over two lines"),
        pytest.param("user:\nA\n{% if tex %}{% endif %}\n", "10:7", "did you mean text", id="condition"),
        pytest.param("user:\nA{% for a in b %}{{ a }}{% endfor %}\n", "9:14", "'b' is not an input", id="loop"),
        pytest.param(
            "user:\n{% for a in [1] %}{% endfor %}\n{{ a }}\n", "10:4", "'a' is not", id="loop variable outside it"
        ),
        pytest.param(
            "user:\n{% if 0 %}{% set a = 1 %}{% endif %}\n{{ a }}\n", "10:4", "'a' is not", id="set in one branch"
        ),
        pytest.param("user:\n{{ loop }}\n", "9:4", "'loop' is not an input", id="loop outside a loop"),
        pytest.param("user:\n{{ " + "9" * 5000 + " }}\n", "9", "a number is too large", id="5000 digits"),
        pytest.param("user:\n{{ 0x" + "f" * 5000 + " }}\n", "9:1", "the number is too large", id="hexadecimal"),
        pytest.param("user:\n{{ " + "(" * 150 + "1" + ")" * 150 + " }}\n", "9", "too deeply", id="parentheses"),
        pytest.param("user:\n{{ " + "not " * 400 + "1 }}\n", "9:1", "50 levels deep", id="operators"),
        pytest.param("user:\n{{ 1" + "+1" * 300 + " }}\n", "9:1", "50 levels deep", id="long sum"),
        pytest.param("user:\n{{ 1" + "+1" * 9000 + " }}\n", "9:1", "50 levels deep", id="endless sum"),
        pytest.param(
            "user:\n" + "{% for a in [1] %}" * 24 + "x" + "{% endfor %}" * 24, "9", "nested too deeply", id="loops"
        ),
        pytest.param("user:\n{{ text|format }}\n", "9:1", "there is no filter 'format'", id="filter"),
        pytest.param("user:\n{{ text is odder }}\n", "9:1", "there is no test 'odder'", id="test"),
        pytest.param("user:\n{{ text.__class__ }}\n", "9:1", "may not begin with an underscore", id="underscore"),
        pytest.param("user:\n{% if text %}\nA\n", "9:1", "Unexpected end of template", id="unclosed block"),
        pytest.param("user:\n{{ text }\n{{ 'a\n", "9:1", "unexpected '}'", id="syntax in line one"),
        pytest.param("user:\n\n\n  {% endif %}\n", "11:3", "unknown tag 'endif'", id="column of the tag"),
        pytest.param(
            "user:\n{% include 'partials/x.j2' %}\n", "9:1", "no partial 'partials/x.j2'", id="absent partial"
        ),
        pytest.param("user:\n{% include 'partials/A b.j2' %}\n", "9:1", "no partial", id="space in a partial"),
        pytest.param("user:\n{% include 'partials/../demo/1.0.0.j2' %}\n", "9:1", "no partial", id="dots inside"),
        pytest.param("user:\n{% include '../x.j2' %}\n", "9:1", "no partial", id="dots before"),
        pytest.param("user:\n{% include '/etc/passwd' %}\n", "9:1", "no partial", id="absolute path"),
        pytest.param("user:\n{% include 'demo/1.0.0.j2' %}\n", "9:1", "no partial", id="another prompt"),
        pytest.param("user:\n{% include text %}\n", "9:1", "literal name", id="partial named by a value"),
        pytest.param("user:\n{% include ['partials/a.j2'] %}\n", "9:1", "literal name", id="list of partials"),
        pytest.param("user:\n{% include 'partials/' ~ tone %}\n", "9:1", "literal name", id="computed partial"),
        pytest.param("user:\n{% include 'partials/a.j2' ignore missing %}\n", "9:1", "ignore missing", id="ignoring"),
        pytest.param("user:\n{% include 'partials/a.j2' without context %}\n", "9:1", "without context", id="bare"),
        pytest.param("Hello\nuser:\n{{ text }}\n", "8:1", "text before the first role", id="text before the role"),
        pytest.param("USER:\n{{ text }}\n", "8:1", "text before the first role", id="upper case role"),
        pytest.param(" user:\n{{ text }}\n", "8:1", "text before the first role", id="indented role"),
        pytest.param("user: {{ text }}\n", "8:1", "text before the first role", id="text beside the role"),
        pytest.param("system:\nuser:\n{{ text }}\n", "8:1", "system section is empty", id="empty section"),
        pytest.param("user:\nA\nassistant:\n \n\nuser:\nB\n", "10:1", "assistant section is empty", id="blank section"),
        pytest.param("", "8", "last section must be user", id="no section"),
        pytest.param("system:\nA\n", "8", "last section must be user", id="only a system section"),
        pytest.param("user:\nA\nassistant:\nB\n", "8", "last section must be user", id="assistant last"),
        pytest.param("system:\nA\nsystem:\nB\nuser:\nC\n", "10:1", "must be the first", id="two systems"),
        pytest.param("user:\nA\nsystem:\nB\nuser:\nC\n", "10:1", "must be the first", id="late system"),
        pytest.param("user:\r\nA\n", "8", "has a carriage return", id="carriage return"),
        pytest.param("user:\n\udcff\n", "9", "not UTF-8 at byte", id="invalid utf-8"),
    ],
)
def test_a_body_is_refused_with_line_and_column(load: Load, body: str, place: str, words: str) -> None:
    text = refusal(load, body, files={"partials/a.j2": "x"})
    assert f"1.0.0.j2:{place}: " in text
    assert words in text


@pytest.mark.parametrize(
    ("partial", "place", "words"),
    [
        pytest.param("A\n{{ txt }}\n", "a.j2:2:4", "did you mean text", id="undefined variable"),
        pytest.param("A\n{{ text\n", "a.j2:2:1", "end of", id="syntax"),
        pytest.param("A\n\n{% macro a() %}{% endmacro %}", "a.j2:3:1", "Macro is not available", id="macro"),
        pytest.param("{% include 'partials/b.j2' %}", "a.j2:1:1", "no partial 'partials/b.j2'", id="absent partial"),
        pytest.param("{% include 'partials/a.j2' %}", "a.j2:1:1", "circular", id="includes itself"),
        pytest.param("A\nsystem:\nB", "a.j2:2:1", "a partial can't open a role", id="role"),
        pytest.param("A\n\udcff", "a.j2:2", "not UTF-8 at byte 2", id="invalid utf-8"),
        pytest.param("\ufeffA", "a.j2:1", "byte order mark", id="byte order mark"),
    ],
)
def test_a_partial_is_refused_at_its_own_place(load: Load, partial: str, place: str, words: str) -> None:
    text = refusal(load, "user:\n{% include 'partials/a.j2' %}{{ text }}\n", files={"partials/a.j2": partial})
    assert f"partials/{place}: " in text
    assert words in text


@pytest.mark.parametrize("partial", ["{% if %}\n", "{{ 1|format }}\n", "A\nuser:\n", "{% include 'partials/b.j2' %}\n"])
def test_a_broken_partial_is_told_once_however_many_include_it(load: Load, partial: str) -> None:
    include = "{% include 'partials/a.j2' %}"
    body = f"system:\n{include}\nuser:\n{include}{{{{ text }}}}\n"
    nested = "user:\n{% include 'partials/c.j2' %}{{ text }}\n"
    files = {"partials/a.j2": partial, "partials/c.j2": include, "demo/1.1.0.j2": FRONT + body}
    text = refusal(load, body, files={**files, "demo/1.2.0.j2": FRONT + nested})
    assert len(text.splitlines()) == 1
    assert f"partials/a.j2:{partial.count(chr(10))}:1: " in text


def test_includes_that_double_are_refused_or_stopped(load: Load) -> None:
    files = {f"partials/p{number}.j2": f"{{% include 'partials/p{number + 1}.j2' %}}" * 2 for number in range(30)}
    text = refusal(load, "user:\n{% include 'partials/p0.j2' %}\n", files={**files, "partials/p30.j2": "x"})
    assert "the include is too deep" in text


def test_includes_in_a_circle_are_refused(load: Load) -> None:
    files = {"partials/a.j2": "{% include 'partials/b.j2' %}", "partials/b.j2": "{% include 'partials/a.j2' %}"}
    text = refusal(load, "user:\n{% include 'partials/a.j2' %}\n", files=files)
    assert "the include is circular: partials/a.j2 -> partials/b.j2 -> partials/a.j2" in text


def test_a_link_out_of_the_partials_is_refused(load: Load, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "partials").mkdir()
    (tmp_path / "partials" / "a.j2").symlink_to(tmp_path / "secret.txt")
    text = refusal(load, "user:\n{% include 'partials/a.j2' %}\n", files={"partials/b.j2": "x"})
    assert "partials/a.j2: leads out of partials/" in text


def test_a_whole_file_is_bounded(load: Load) -> None:
    assert "the file is larger than 262144 bytes" in refusal(load, "user:\n" + "x" * (1 << 18))


@pytest.mark.parametrize("name", ["x@y", "a b", "1st"])
def test_a_prompt_has_a_plain_name(load: Load, name: str) -> None:
    files = {f"{name}/1.0.0.j2": FRONT + "user:\nA\n"}
    assert "its folder is not a possible name" in refusal(load, files=files)


@pytest.mark.parametrize("version", ["1.0", "v1.0.0", "01.0.0", "1.0.0.0", "latest"])
def test_a_version_is_semver(load: Load, version: str) -> None:
    assert f"{version}.j2: its name is not a version" in refusal(load, files={f"demo/{version}.j2": "x"})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param("User:\n{{ text }}\n", "8:1: text before the first role (line 8 is 'User:'", id="first"),
        pytest.param(
            "system:\nA\nuser: \n{{ text }}\n", "must be user: (line 10 is 'user: ': did you mean user:?)", id="last"
        ),
    ],
)
def test_a_role_line_that_was_meant_is_named(load: Load, body: str, words: str) -> None:
    assert words in refusal(load, body)


def test_every_error_of_a_file_is_told(load: Load) -> None:
    front = FRONT.replace("default: dry", "default: loud").replace("text:", "Text:")
    keys = "examples: none.yaml\noutput: none.json\n"
    text = refusal(load, "system:\n{{ a }} {{ b }}\nuser:\n{{ c }\n", front=front, keys=keys)
    assert [line.split("j2:")[1].split(" (")[0] for line in text.splitlines()] == [
        "7:3: inputs.Text: not a possible name",
        "8:3: inputs.tone: its default: 'loud' is not one of ['dry', 'warm']",
        "11:4: 'a' is not an input",
        "11:12: 'b' is not an input",
        "13:1: unexpected '}'",
        "5: there is no file 'none.json' under prompts/schemas",
        "4: there is no file 'none.yaml' under prompts",
    ]


def test_every_error_of_a_folder_is_told(load: Load) -> None:
    files = {"demo/1.1.0.j2": FRONT + "user:\n{{ b }}\n", "partials/p.j2": "user:\nx", "other/1.0.j2": "x"}
    text = refusal(load, "user:\n{{ a }}\n", files=files)
    assert [line.split("j2:")[1].split(" (")[0] for line in text.splitlines()] == [
        " its name is not a version",
        "1:1: a partial can't open a role",
        "9:4: 'a' is not an input",
        "9:4: 'b' is not an input",
    ]


def test_an_error_keeps_its_place_apart(load: Load) -> None:
    with pytest.raises(PromptSetError) as caught:
        load("user:\n{{ txt }}\n")
    (error,) = caught.value.errors
    assert error.path is not None
    assert (error.path.name, error.line, error.column, error.hint) == ("1.0.0.j2", 9, 4, "did you mean text?")
