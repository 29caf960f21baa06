"""Whether one schema takes all that another takes: a table in both directions, and instances drawn at random."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from chains.prompts.comparison.compatibility import Narrowing, find_narrowings, narrowings

TEXT, NUMBER, INTEGER = {"type": "string"}, {"type": "number"}, {"type": "integer"}


def an_object(required: list[str] | None = None, more: Any = True, **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "additionalProperties": more}
    return {**schema, "required": required} if required else schema


@pytest.mark.parametrize(
    ("before", "after", "forth", "back"),
    [
        pytest.param({}, {}, [], [], id="all"),
        pytest.param({}, TEXT, ["x: the type array or boolean or integer or null or number or object is not taken"], [],
                     id="typed"),
        pytest.param(INTEGER, NUMBER, [], ["x: the type number is not taken"], id="integers are numbers"),
        pytest.param(TEXT, INTEGER, ["x: the type string is not taken"], ["x: the type integer is not taken"],
                     id="retyped"),
        pytest.param({"type": ["string", "null"]}, TEXT, ["x: the type null is not taken"], [], id="nullable"),
        pytest.param({"enum": ["a", "b"]}, {"enum": ["b"]}, ["x: 'a' is not taken"], [], id="enum"),
        pytest.param({"enum": [1]}, {"enum": [True]}, ["x: 1 is not taken"], ["x: True is not taken"], id="1 and true"),
        pytest.param(TEXT, {"enum": ["a", "b"]}, ["x: only 'a', 'b' are taken"], [], id="enum of a type"),
        pytest.param(TEXT, {"const": "a"}, ["x: only 'a' is taken"], [], id="const"),
        pytest.param({"const": "a"}, {"enum": ["a", "b"]}, [], ["x: 'b' is not taken"], id="const in an enum"),
        pytest.param({**NUMBER, "maximum": 9}, {**NUMBER, "maximum": 8}, ["x: maximum is 8, not 9"], [], id="maximum"),
        pytest.param(NUMBER, {**NUMBER, "minimum": 0}, ["x: minimum is 0, not free"], [], id="minimum"),
        pytest.param(TEXT, {"type": "string", "minimum": 0}, [], [], id="a bound of another type"),
        pytest.param({**TEXT, "maxLength": 9}, {**TEXT, "maxLength": 10}, [], ["x: maxLength is 9, not 10"],
                     id="length"),
        pytest.param({"type": "array", "items": NUMBER}, {"type": "array", "items": INTEGER},
                     ["x[]: the type number is not taken"], [], id="items"),
        pytest.param({"type": "array"}, {"type": "array", "items": {"enum": [1]}}, ["x[]: only 1 is taken"], [],
                     id="items of any kind"),
        pytest.param(an_object(a=TEXT), an_object(["a"], a=TEXT), ["x.a: is required"], [], id="required"),
        pytest.param(an_object(a=an_object(b=NUMBER)), an_object(a=an_object(b=INTEGER)),
                     ["x.a.b: the type number is not taken"], [], id="nested"),
        pytest.param(an_object(), an_object(more=False), ["x.*: nothing is taken"], [], id="closed"),
        pytest.param(an_object(more=NUMBER), an_object(more=INTEGER), ["x.*: the type number is not taken"], [],
                     id="other properties"),
        pytest.param(an_object(a=TEXT, more=False), an_object(more=False), ["x.a: nothing is taken"], [],
                     id="property gone"),
        pytest.param(an_object(a=TEXT), an_object(), [], [], id="property gone from an open object"),
        pytest.param({**TEXT, "pattern": "a"}, TEXT, [], ["x: pattern may refuse more"], id="undecided"),
        pytest.param({**TEXT, "title": "A", "$schema": "s", "format": "date"}, TEXT, [], [], id="annotations"),
        pytest.param({"prefixItems": [TEXT], "items": NUMBER}, {"items": NUMBER},
                     ["x: prefixItems may refuse more"], ["x: prefixItems may refuse more"], id="first items"),
        pytest.param({"contains": TEXT, "minContains": 0}, {"contains": TEXT},
                     ["x: minContains may refuse more"], ["x: minContains may refuse more"], id="contained"),
        pytest.param({"if": {}, "then": TEXT, "unevaluatedProperties": False}, {"unevaluatedProperties": False},
                     ["x: then may refuse more", "x: unevaluatedProperties may refuse more"],
                     ["x: if may refuse more", "x: then may refuse more", "x: unevaluatedProperties may refuse more"],
                     id="unevaluated"),
        pytest.param(True, False, ["x: nothing is taken"], [], id="booleans"),
    ],
)  # fmt: skip
def test_both_directions(before: Any, after: Any, forth: list[str], back: list[str]) -> None:
    assert narrowings(before, after, "x") == forth
    assert narrowings(after, before, "x") == back
    assert narrowings(before, before, "x") == narrowings(after, after, "x") == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(an_object(a=TEXT), an_object(more=False), [], id="unknown properties are ignored"),
        pytest.param(an_object(), an_object(more=False), [], id="open objects too"),
        pytest.param(an_object(a=NUMBER), an_object(a=INTEGER), [("x.a", "the type number is not taken")],
                     id="known ones are not"),
        pytest.param(an_object(a=NUMBER), an_object(["a"]), [("x.a", "is required")], id="required ones are not"),
        pytest.param(an_object(a=TEXT, more=TEXT), an_object(more=NUMBER),
                     [("x.a", "the type string is not taken"), ("x.*", "the type string is not taken")],
                     id="mappings are read"),
    ],
)  # fmt: skip
def test_a_reader_ignores_unknown_properties(before: Any, after: Any, expected: list[tuple[str, str]]) -> None:
    assert find_narrowings(before, after, "x", closed=False) == [Narrowing(*pair) for pair in expected]


def test_a_property_that_was_left_open_counts_as_never_sent() -> None:
    assert narrowings(an_object(), an_object(a=TEXT), "x") == []
    assert narrowings(an_object(more=TEXT), an_object(a=NUMBER, more=TEXT), "x") == [
        "x.a: the type string is not taken"
    ]


VALUES = [None, True, False, -1, 0, 1, 1.5, 2, 3, "", "a", "ab", "abc"]
FEW = [None, True, 0, 1.5, 3, "ab"]
INSTANCES: list[Any] = [
    *VALUES,
    *([], {}, [0, 1.5, "a", None], {"a": 0, "b": "", "c": True}),
    *([value] for value in VALUES),
    *({"a": value} for value in VALUES),
    *([value, [value]] for value in FEW),
    *({"a": value, "b": 1} for value in FEW),
    *({"b": {"a": value}} for value in FEW),
    *([{"a": value}] for value in FEW),
    *({"c": [value]} for value in FEW),
]
SCALARS = st.sampled_from(VALUES)
BOUND = st.integers(0, 2)
BOUNDS = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
]
TYPE = st.sampled_from(["array", "boolean", "integer", "null", "number", "object", "string"])
NAMES = st.sampled_from("abc")
INNER = {"items", "additionalProperties"}


def keywords(inner: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    """The decided keywords with their values."""
    return {
        **dict.fromkeys(BOUNDS, BOUND),
        **dict.fromkeys(INNER, inner),
        "type": TYPE | st.lists(TYPE, min_size=1, unique=True),
        "properties": st.dictionaries(NAMES, inner, min_size=1, max_size=2),
        "required": st.lists(NAMES, min_size=1, max_size=2, unique=True),
        "enum": st.lists(SCALARS, min_size=1, max_size=4),
        "const": SCALARS,
    }


def _schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    words = keywords(inner)
    of_kinds = {
        "object": ["properties", "required", "additionalProperties"],
        "array": ["items", "minItems", "maxItems"],
        "number": ["minimum", "maximum"],
        "string": ["minLength", "maxLength"],
    }
    typed = [
        st.fixed_dictionaries({"type": st.just(kind)}, optional={name: words[name] for name in names})
        for kind, names in of_kinds.items()
    ]
    mixed = st.lists(st.sampled_from(sorted(words)), max_size=3, unique=True)
    return st.one_of(*typed, mixed.flatmap(lambda names: st.fixed_dictionaries({name: words[name] for name in names})))


SCHEMAS: st.SearchStrategy[Any] = st.recursive(
    st.booleans() | TYPE.map(lambda name: {"type": name}), _schemas, max_leaves=6
)
WORDS = keywords(SCHEMAS)


@st.composite
def edits(draw: st.DrawFn, schema: Any) -> Any:
    """The schema with one keyword set, left out or edited itself, so that the two are related."""
    if isinstance(schema, bool):
        return draw(SCHEMAS)
    edited = dict(schema)
    known: bool = draw(st.booleans())
    key = draw(st.sampled_from(sorted(edited if edited and known else WORDS)))
    if key in edited and key in INNER and draw(st.booleans()):
        edited[key] = draw(edits(edited[key]))
    elif key in edited and key == "properties" and draw(st.booleans()):
        edited[key] = {name: draw(edits(part)) for name, part in edited[key].items()}
    elif key in edited and draw(st.booleans()):
        del edited[key]
    else:
        edited[key] = draw(WORDS[key])
    return edited


def declared(instance: Any, schema: Any) -> bool:
    """Whether no object has a property that its schema leaves open."""
    schema = {} if isinstance(schema, bool) else schema
    if isinstance(instance, list):
        return all(declared(item, schema.get("items", True)) for item in instance)
    if not isinstance(instance, dict):
        return True
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    if others in (True, {}) and not instance.keys() <= known.keys():
        return False
    return all(declared(value, known.get(name, others)) for name, value in instance.items())


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_what_is_not_narrower_takes_every_instance(data: st.DataObject) -> None:
    before: Any = data.draw(SCHEMAS)
    after: Any = data.draw(edits(before))
    if narrowings(before, after, "x"):
        return
    old, new = Draft202012Validator(before), Draft202012Validator(after)
    for instance in INSTANCES:
        if old.is_valid(instance) and declared(instance, before):
            assert new.is_valid(instance), (before, after, instance)
