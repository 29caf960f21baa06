"""Front matter: what is refused, with its line, and that nothing but PromptSetError comes out."""

import json

import pytest

from tests.chains.conftest import FRONT, Load, refusal

DEEP_SCHEMA = '{"not": ' * 400 + "true" + "}" * 400
DENSE = "model: {stop: [" + "a, " * 15_000 + "a]}\n"
LAUGHS = "a: &a [1]\nb: &b [*a,*a]\nc: [*b,*b,*b]\n"


@pytest.mark.parametrize(
    ("front", "place", "words"),
    [
        pytest.param("description: a\n", "1", "does not begin with front matter", id="no fence"),
        pytest.param("---\ndescription: a\n", "1", "the front matter has no end", id="no closing fence"),
        pytest.param("---\n- a\n---\n", "2", "the front matter is not a mapping", id="a list"),
        pytest.param("---\na: [\n---\n", "2:5", "not valid YAML: while parsing", id="broken yaml"),
        pytest.param(FRONT.replace("description: A test\n", ""), "2:1", "description: Field", id="no description"),
    ],
)
def test_a_file_begins_with_front_matter(load: Load, front: str, place: str, words: str) -> None:
    assert f"1.0.0.j2:{place}: {words}" in refusal(load, front=front)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        pytest.param("model: {temperature: yes}\n", "4:9: model.temperature: Input should be a valid", id="boolean"),
        pytest.param("model: {temperature: 2.1}\n", "4:9: model.temperature: Input should be less", id="too warm"),
        pytest.param("model: {temperature: .nan}\n", "4:22: .nan is not a number of JSON's", id="nan"),
        pytest.param("model: {temperature: -.inf}\n", "4:22: -.inf is not a number of JSON's", id="infinite"),
        pytest.param("model: {temp: 1}\n", "4:9: model.temp: unknown key", id="unknown parameter"),
        pytest.param("model: {max_output_tokens: 0}\n", "4:9: model.max_output_tokens: Input", id="no tokens"),
        pytest.param("model: {max_output_tokens: '9'}\n", "4:9: model.max_output_tokens: Input", id="text for number"),
        pytest.param("model: {max_output_tokens: 32769}\n", "4:9: model.max_output_tokens: Input", id="many tokens"),
        pytest.param("model: {seed: !!binary aGk=}\n", "binary", id="bytes"),
        pytest.param("model: {stop: !!set {a, b}}\n", "set", id="a set"),
        pytest.param("output: !!python/name:os.system\n", "python/name:os.system", id="python"),
        pytest.param("output: !custom x\n", "4:9: the tag '!custom' is not allowed", id="own tag"),
        pytest.param("uses: {<<: {a: b@1.0.0}}\n", "4:8: uses.<<: Input should be a valid string", id="merge key"),
        pytest.param("uses: {a: demo@1.0.1}\n", "4: uses.a: there is no prompt 'demo@1.0.1'", id="absent helper"),
        pytest.param("uses: {a: demo@1.0.0}\n", "uses is circular: demo@1.0.0 -> demo@1.0.0", id="uses itself"),
        pytest.param("changelog: twice\n", "4:1: the key 'changelog' stands twice", id="repeated key"),
        pytest.param("no: 1\n", "4:1: the key 'no' is not a text", id="a boolean as key"),
        pytest.param("? [a]\n: b\n", "4:3: a sequence as key is not a text", id="a list as key"),
        pytest.param("examples: /etc/passwd\n", "4: there is no file '/etc/passwd'", id="absolute examples"),
        pytest.param(f"examples: {'../' * 20}etc/passwd\n", "4: there is no file '../", id="examples outside"),
        pytest.param('examples: "a\\0b"\n', "4: there is no file 'a\\x00b'", id="nul in a file name"),
        pytest.param(f"examples: {'a' * 5000}\n", "4: there is no file 'aaa", id="endless file name"),
        pytest.param("output: ../demo/1.0.0.j2\n", "4: there is no file", id="schema outside schemas"),
        pytest.param("output: [a]\n", "4:1: output", id="list as schema"),
        pytest.param("output: {type: objekt}\n", "4:1: output: not a JSON Schema", id="not a schema"),
        pytest.param("output: {$dynamicRef: 'http://a.test/x'}\n", "4:1: output: $dynamicRef is not", id="remote"),
        pytest.param(
            "output: {not: {items: {$ref: '#'}}}\n", "4:1: output: $ref is not available", id="deep reference"
        ),
        pytest.param(f"model: {{seed: {2**63}}}\n", "4:9: model.seed: Input should be less than", id="seed"),
        pytest.param("author: me\n", "4:1: author: unknown key (the keys are description, changelog", id="unknown key"),
        pytest.param(DENSE, "4:29989: holds more than 10000 values", id="dense yaml"),
        pytest.param(
            "output: " + "{a: " * 40 + "1" + "}" * 40 + "\n", "4:130: nested more than 32 levels", id="deep yaml"
        ),
        pytest.param(f"output: {'[' * 5000}{']' * 5000}\n", "4:40: nested more than 32 levels", id="deep list"),
        pytest.param(LAUGHS, "4:4: anchors and aliases are not allowed", id="billion laughs"),
        pytest.param("output: {description: '" + "x" * 70_000 + "'}\n", "1: the front matter is longer", id="64 KiB"),
        pytest.param("...\n", "not valid YAML", id="end of document"),
        pytest.param("# \x07\n", "4:3: not valid YAML: the character 0x7 is not allowed", id="control character"),
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
        pytest.param("{type: strng}", "5:3: inputs.text: not a JSON Schema", id="wrong type"),
        pytest.param(
            "{type: integer, minimun: 1}", "5:3: inputs.text: 'minimun' is no keyword of JSON Schema", id="misspelt"
        ),
        pytest.param("{type: string, defualt: a}", "(did you mean default?)", id="misspelt default"),
        pytest.param("{anyOf: [{items: {minimun: 1}}]}", "(did you mean minimum?)", id="misspelt deep down"),
        pytest.param("{type: string, required: true}", "(an input without a default is required)", id="required"),
        pytest.param("{$ref: '#/x'}", "5:3: inputs.text: $ref is not available", id="reference"),
    ],
)
def test_an_input_is_refused_by_name(load: Load, schema: str, words: str) -> None:
    text = refusal(load, front=FRONT.replace("{type: string}", schema))
    assert words in text


@pytest.mark.parametrize(
    "schema",
    [
        "{type: object, properties: {minimun: {type: string}}, required: [minimun]}",
        "{const: {minimun: 1}, default: {minimun: 1}}",
        "{enum: [{minimun: 1}], examples: [{minimun: 1}], description: a}",
    ],
    ids=["property", "const", "enum"],
)
def test_a_name_or_a_value_is_no_keyword(load: Load, schema: str) -> None:
    load(front=FRONT.replace("{type: string}", schema))


@pytest.mark.parametrize(
    ("front", "words"),
    [
        pytest.param(
            FRONT.replace("inputs:", "model:\n  seed: 1\n  temp: 1\ninputs:"),
            "6:3: model.temp: unknown key (the keys are temperature, max_output_tokens, ",
            id="parameter",
        ),
        pytest.param(FRONT.replace("{enum: [dry, warm], default: dry}", "dry"), "6:3: inputs.tone: ", id="input"),
        pytest.param(FRONT.replace("default: dry", "default: loud"), "6:3: inputs.tone: its default", id="default"),
        pytest.param(FRONT.replace("First", "no"), "3:1: changelog: Input should be a valid string (", id="no"),
        pytest.param(FRONT.replace("First", "no"), "put it in quotes)", id="no, in quotes"),
    ],
)
def test_a_nested_key_is_told_with_its_own_place(load: Load, front: str, words: str) -> None:
    assert words in refusal(load, front=front)


def test_a_date_stays_a_text(load: Load) -> None:
    prompts = load(front=FRONT.replace("{type: string}", "{type: string, default: 2020-01-01}"))
    assert prompts.get("demo").invoke({}).to_messages()[0].content == "2020-01-01"


@pytest.mark.parametrize("name", ["if", "loop", "self", "none", "range", "Text", "1st", "a-b", "_text", "naïve", "a b"])
def test_an_input_is_named_as_templates_can_write_it(load: Load, name: str) -> None:
    text = refusal(load, front=FRONT.replace("text:", f"{name}:"))
    assert f"inputs.{name}: not a possible name" in text


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        pytest.param("true", "output: a schema is an object", id="boolean schema"),
        pytest.param("null", "output: a schema is an object", id="null"),
        pytest.param("{", "s.json is not JSON", id="broken"),
        pytest.param("[" * 60_000, "s.json is not JSON", id="endless nesting"),
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
        pytest.param("- inputs: &a {text: a}\n  output: *a\n", "few.yaml:1:11: anchors and aliases", id="alias"),
        pytest.param("- inputs: [\n", "few.yaml:2:1: not valid YAML", id="broken"),
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


def test_every_wrong_key_is_told(load: Load) -> None:
    text = refusal(load, front=FRONT.replace("description: A test", "describe: A"), keys="model: {temp: 1, top_p: 2}\n")
    assert all(
        words in text for words in ("description: Field", "2:1: describe: unknown key", "model.temp", "model.top_p")
    )
