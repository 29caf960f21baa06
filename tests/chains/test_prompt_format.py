"""The prompt format: what is refused, with file, line and column, and that nothing but PromptSetError comes out."""

import json
import time

import pytest

from chains.errors import PromptSetError
from tests.chains.conftest import FRONT, Load

DEEP_SCHEMA = '{"not": ' * 400 + "true" + "}" * 400
DENSE = "model: {stop: [" + "a, " * 15_000 + "a]}\n"


def refusal(load: Load, *arguments: str, **keywords: object) -> str:
    start = time.process_time()
    with pytest.raises(PromptSetError) as caught:
        load(*arguments, **keywords)  # type: ignore[arg-type]
    assert time.process_time() - start < 1
    return str(caught.value)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        pytest.param("model: {temperature: yes}\n", "4:1: model.temperature: Input should be a valid", id="boolean"),
        pytest.param("model: {temperature: 2.1}\n", "4:1: model.temperature: Input should be less", id="too warm"),
        pytest.param("model: {temperature: .nan}\n", "4: .nan is not a number of JSON's", id="nan"),
        pytest.param("model: {temperature: -.inf}\n", "4: -.inf is not a number of JSON's", id="infinite"),
        pytest.param("model: {max_output_tokens: 0}\n", "4:1: model.max_output_tokens: Input", id="no tokens"),
        pytest.param("model: {max_output_tokens: '9'}\n", "4:1: model.max_output_tokens: Input", id="text for number"),
        pytest.param("model: {max_output_tokens: 32769}\n", "4:1: model.max_output_tokens: Input", id="many tokens"),
        pytest.param("model: {seed: !!binary aGk=}\n", "binary", id="bytes"),
        pytest.param("model: {stop: !!set {a, b}}\n", "set", id="a set"),
        pytest.param("output: !!python/name:os.system\n", "python/name:os.system", id="python"),
        pytest.param("output: !custom x\n", "4: not valid YAML", id="own tag"),
        pytest.param("uses: {<<: {a: b@1.0.0}}\n", "4:1: uses.<<: Input should be a valid string", id="merge key"),
        pytest.param("uses: {a: demo@1.0.1}\n", "4: uses.a: there is no prompt 'demo@1.0.1'", id="absent helper"),
        pytest.param("uses: {a: demo@1.0.0}\n", "uses is circular: demo@1.0.0 -> demo@1.0.0", id="uses itself"),
        pytest.param("changelog: twice\n", "4: the key 'changelog' stands twice", id="repeated key"),
        pytest.param("? [a]\n: b\n", "4: the key", id="a list as key"),
        pytest.param("examples: /etc/passwd\n", "4: there is no file '/etc/passwd'", id="absolute examples"),
        pytest.param('examples: "a\\0b"\n', "4: there is no file 'a\\x00b'", id="nul in a file name"),
        pytest.param(f"examples: {'a' * 5000}\n", "4: there is no file 'aaa", id="endless file name"),
        pytest.param("output: ../demo/1.0.0.j2\n", "4: there is no file", id="schema outside schemas"),
        pytest.param("output: [a]\n", "4:1: output", id="list as schema"),
        pytest.param("output: {type: objekt}\n", "4:1: output: not a JSON Schema", id="not a schema"),
        pytest.param("output: {$dynamicRef: 'http://a.test/x'}\n", "4:1: output: $dynamicRef is not", id="remote"),
        pytest.param(
            "output: {not: {items: {$ref: '#'}}}\n", "4:1: output: $ref is not available", id="deep reference"
        ),
        pytest.param("author: me\n", "4:1: author: unknown key (the keys are description, changelog", id="unknown key"),
        pytest.param(DENSE, "4: holds more than 10000 values", id="dense yaml"),
        pytest.param("output: " + "{a: " * 40 + "1" + "}" * 40 + "\n", "4: nested more than 32 levels", id="deep yaml"),
        pytest.param("output: {description: '" + "x" * 70_000 + "'}\n", "1: the front matter is longer", id="64 KiB"),
        pytest.param("...\n", "not valid YAML", id="end of document"),
        pytest.param("# \x07\n", "4: not valid YAML: the character 0x7 is not allowed", id="control character"),
    ],
)
def test_front_matter_is_refused_with_its_line(load: Load, keys: str, words: str) -> None:
    text = refusal(load, keys=keys)
    assert "1.0.0.j2" in text
    assert words in text


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        pytest.param("{type: string, pattern: '(', default: x}", "not a 'regex'", id="broken pattern"),
        pytest.param(
            "{type: integer, default: '5'}", "its default: '5' is not of type 'integer'", id="text for integer"
        ),
        pytest.param("{type: string, default: no}", "its default: False is not of type", id="a bare no"),
        pytest.param("{type: string, default: 12:30}", "its default: 750 is not of type", id="a bare time"),
        pytest.param("{default: !!timestamp 2020-01-01}", "timestamp", id="tagged date"),
        pytest.param("true", "inputs.text: Input should be a valid dictionary", id="boolean schema"),
        pytest.param("{minLength: many}", "not a JSON Schema", id="wrong keyword"),
    ],
)
def test_an_input_is_refused_by_name(load: Load, schema: str, words: str) -> None:
    text = refusal(load, front=FRONT.replace("{type: string}", schema))
    assert words in text


def test_a_date_stays_a_text(load: Load) -> None:
    prompts = load(front=FRONT.replace("{type: string}", "{type: string, default: 2020-01-01}"))
    assert prompts.get("demo").invoke({}).to_messages()[0].content == "2020-01-01"


@pytest.mark.parametrize("name", ["if", "loop", "self", "none", "Text", "1st", "a-b", "_text", "naïve", "a b"])
def test_an_input_is_named_as_templates_can_write_it(load: Load, name: str) -> None:
    text = refusal(load, front=FRONT.replace("text:", f"{name}:"))
    assert f"inputs.{name}: not a possible name" in text


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        pytest.param("true", "output: a schema is an object", id="boolean schema"),
        pytest.param("null", "output: a schema is an object", id="null"),
        pytest.param("{", "s.json is not JSON", id="broken"),
        pytest.param("[" * 100_000, "s.json is not JSON", id="endless nesting"),
        pytest.param(DEEP_SCHEMA, "output: nested too deeply", id="deep nesting"),
        pytest.param('{"$ref": "#"}', "output: $ref is not available", id="reference"),
    ],
)
def test_a_schema_file_is_refused(load: Load, schema: str, words: str) -> None:
    text = refusal(load, keys="output: s.json\n", files={"schemas/s.json": schema})
    assert "1.0.0.j2:4:" in text
    assert words in text


def test_a_schema_may_come_inline_or_from_a_file(load: Load) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    inline = load(keys=f"output: {json.dumps(schema)}\n").get("demo")
    shared = load(keys="output: s.json\n", files={"schemas/s.json": json.dumps(schema)}).get("demo")
    assert inline.output == shared.output == schema


@pytest.mark.parametrize(
    ("examples", "words"),
    [
        pytest.param("a: b\n", "few.yaml", id="not a list"),
        pytest.param("- inputs: {text: a}\n", "0.output: Field required", id="no output"),
        pytest.param("- inputs: {text: a}\n  output: 5\n", "example 0.output", id="a number as output"),
        pytest.param("- inputs: {text: a}\n  output: b\n  note: c\n", "0.note", id="unknown key"),
        pytest.param("- inputs: {tone: dry}\n  output: b\n", "example 1: ", id="input missing"),
        pytest.param(
            "- inputs: {text: a, tone: loud}\n  output: b\n", "example 1: /tone 'loud'", id="value not allowed"
        ),
        pytest.param("- inputs: {text: a, x: 1}\n  output: b\n", "example 1: ", id="unknown input"),
        pytest.param("- inputs: &a {text: a}\n  output: *a\n", "few.yaml:1: anchors and aliases", id="alias"),
        pytest.param("- inputs: [\n", "few.yaml:2: not valid YAML", id="broken"),
    ],
)
def test_examples_are_refused(load: Load, examples: str, words: str) -> None:
    assert words in refusal(load, keys="examples: demo/few.yaml\n", files={"demo/few.yaml": examples})


def test_examples_want_one_user_section(load: Load) -> None:
    files = {"demo/few.yaml": "- inputs: {text: a}\n  output: b\n"}
    body = "user:\n{{ text }}\nassistant:\nA\nuser:\nB\n"
    assert "1.0.0.j2:4: a prompt with examples has exactly one user section" in refusal(
        load, body, keys="examples: demo/few.yaml\n", files=files
    )


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
        pytest.param("user:\n{{ text }\n{{ 'a\n", "9:1", "unexpected '}'", id="syntax in line one"),
        pytest.param("user:\n\n\n  {% endif %}\n", "11:3", "unknown tag 'endif'", id="column of the tag"),
        pytest.param("user:\n{% include 'partials/A b.j2' %}\n", "9:1", "no partial", id="space in a partial"),
        pytest.param("user:\n{% include 'partials/../demo/1.0.0.j2' %}\n", "9:1", "no partial", id="dots inside"),
        pytest.param("user:\n{% include 'demo/1.0.0.j2' %}\n", "9:1", "no partial", id="another prompt"),
        pytest.param("user:\n{% include ['partials/a.j2'] %}\n", "9:1", "literal name", id="list of partials"),
        pytest.param("user:\n{% include 'partials/' ~ tone %}\n", "9:1", "literal name", id="computed partial"),
        pytest.param("user:\n{% include 'partials/a.j2' ignore missing %}\n", "9:1", "ignore missing", id="ignoring"),
        pytest.param("user:\n{% include 'partials/a.j2' without context %}\n", "9:1", "without context", id="bare"),
        pytest.param("USER:\n{{ text }}\n", "8:1", "text before the first role", id="upper case role"),
        pytest.param(" user:\n{{ text }}\n", "8:1", "text before the first role", id="indented role"),
        pytest.param("user: {{ text }}\n", "8:1", "text before the first role", id="text beside the role"),
        pytest.param("user:\nA\nassistant:\n \n\nuser:\nB\n", "10:1", "assistant section is empty", id="blank section"),
        pytest.param("user:\nA\nassistant:\nB\n", "8", "last section must be user", id="assistant last"),
        pytest.param("system:\nA\nsystem:\nB\nuser:\nC\n", "10:1", "must be the first", id="two systems"),
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


def test_includes_that_double_are_refused_or_stopped(load: Load) -> None:
    files = {f"partials/p{number}.j2": f"{{% include 'partials/p{number + 1}.j2' %}}" * 2 for number in range(30)}
    text = refusal(load, "user:\n{% include 'partials/p0.j2' %}\n", files={**files, "partials/p30.j2": "x"})
    assert "the include is too deep" in text


def test_a_whole_file_is_bounded(load: Load) -> None:
    assert "the file is larger than 1048576 bytes" in refusal(load, "user:\n" + "x" * (1 << 20))


@pytest.mark.parametrize("name", ["x@y", ".hidden", "a b", "1st"])
def test_a_prompt_has_a_plain_name(load: Load, name: str) -> None:
    files = {f"{name}/1.0.0.j2": FRONT + "user:\nA\n"}
    assert "its folder is not a possible name" in refusal(load, files=files)


@pytest.mark.parametrize("version", ["1.0", "v1.0.0", "01.0.0", "1.0.0.0", "latest"])
def test_a_version_is_semver(load: Load, version: str) -> None:
    assert f"{version}.j2: its name is not a version" in refusal(load, files={f"demo/{version}.j2": "x"})


def test_every_error_of_a_file_is_told(load: Load) -> None:
    front = FRONT.replace("default: dry", "default: loud").replace("text:", "Text:")
    keys = "examples: none.yaml\noutput: none.json\n"
    text = refusal(load, "system:\n{{ a }} {{ b }}\nuser:\n{{ c }\n", front=front, keys=keys)
    assert [line.split("j2:")[1].split(" (")[0] for line in text.splitlines()] == [
        "6:1: inputs.Text: not a possible name",
        "6:1: inputs.tone: its default: 'loud' is not one of ['dry', 'warm']",
        "11:4: 'a' is not an input",
        "11:12: 'b' is not an input",
        "13:1: unexpected '}'",
        "5: there is no file 'none.json' under prompts/schemas",
        "4: there is no file 'none.yaml' under prompts",
    ]


def test_every_wrong_key_is_told(load: Load) -> None:
    text = refusal(load, front=FRONT.replace("description: A test", "describe: A"), keys="model: {temp: 1, top_p: 2}\n")
    assert all(
        words in text for words in ("description: Field", "2:1: describe: unknown key", "model.temp", "model.top_p")
    )


def test_an_error_keeps_its_place_apart(load: Load) -> None:
    with pytest.raises(PromptSetError) as caught:
        load("user:\n{{ txt }}\n")
    (error,) = caught.value.errors
    assert error.path is not None
    assert (error.path.name, error.line, error.column, error.hint) == ("1.0.0.j2", 9, 4, "did you mean text?")


def test_a_partials_role_line_can_be_escaped(load: Load) -> None:
    prompts = load("user:\n{% include 'partials/a.j2' %}\n", files={"partials/a.j2": "A\n\\user:\nB\n"})
    assert prompts.get("demo").invoke({"text": "x"}).to_messages()[0].content == "A\nuser:\nB"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param("user:\nA", "A", id="no line break at the end"),
        pytest.param("user:\nA\n", "A", id="one"),
        pytest.param("user:\nA\n\n", "A\n", id="two"),
        pytest.param("user:\n\n A \n", "\n A ", id="blank line and spaces"),
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
