"""Reads a caller's schema part by part, resolves its references, and writes out what it allows."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from chains.schema_gate.keywords import NOTES, REMEDIES, ROOT_ONLY, SERVED, check_values
from chains.schema_gate.limits import (
    DEEPEST,
    LONGEST_NAME,
    MOST_ALTERNATIVES,
    MOST_ENUM_VALUES,
    MOST_FORMATS,
    MOST_ITEMS_IN_ALL,
    MOST_PARTS,
    MOST_PROPERTIES,
    MOST_RANGES,
)
from chains.schema_gate.sense import check_sense, listed, types_of
from chains.schema_gate.wrong_places import WrongPlaces, below

__all__ = ["Reading"]

_RANGES = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_COSTLY = _RANGES | {"enum", "const", "minItems", "maxItems", "format"}


class Reading:
    """One pass over one schema. Wrong places go to `wrong`, and reading goes on after them where it can."""

    def __init__(self, schema: Mapping[str, Any], pointer: str, wrong: WrongPlaces) -> None:
        self._schema = schema
        self._pointer = pointer
        self._wrong = wrong
        self._open: list[str] = []
        self._parts = 0
        self._properties = 0
        self._costly: Counter[str] = Counter()

    def root(self) -> dict[str, Any]:
        """The whole schema as it may be used, unless something is wrong. Raises GaveUp."""
        for name in ("$defs", "definitions"):
            if not isinstance(self._schema.get(name, {}), Mapping):
                self._wrong.add(below(self._pointer, name), "keyword_value", f"{name} is an object of schemas")
        read = self._part(self._schema, self._pointer, 1)
        if not self._wrong.errors and read.get("type") != "object":
            self._wrong.add(
                self._pointer,
                "root_type",
                'The root is an object: say "type": "object", and put what you want into a property',
            )
        return read

    def _part(self, part: Any, pointer: str, depth: int) -> dict[str, Any]:
        if not isinstance(part, Mapping):
            self._wrong.add(pointer, "keyword_value", 'A schema is an object, such as {"type": "string"}')
            return {}
        self._count(pointer, depth)
        if "$ref" in part:
            return self._referred(part, pointer, depth)
        self._check_keywords(part, pointer, is_root=depth == 1)
        read = {name: part[name] for name in part if name in SERVED}
        if not check_values(read, pointer, self._wrong):
            return {}
        if "anyOf" in read:
            return self._alternatives(read, pointer, depth)
        return self._plain(read, pointer, depth)

    def _count(self, pointer: str, depth: int) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            self._wrong.give_up(
                self._pointer,
                "too_large",
                f"The schema has more than {MOST_PARTS} parts, with its references written out: leave some out",
            )
        if depth > DEEPEST:
            self._wrong.give_up(
                pointer, "too_deep", f"This is nested more than {DEEPEST} schemas deep: flatten the schema"
            )

    def _check_keywords(self, part: Mapping[str, Any], pointer: str, *, is_root: bool) -> None:
        for name in part:
            if name in SERVED or name in NOTES or (is_root and name in ROOT_ONLY):
                continue
            remedy = REMEDIES.get(name, f"leave it out; served are {', '.join(sorted(SERVED))}")
            self._wrong.add(below(pointer, name), "keyword_unsupported", f"{name[:100]!r} is not served here: {remedy}")

    def _referred(self, part: Mapping[str, Any], pointer: str, depth: int) -> dict[str, Any]:
        """What a reference stands for, with the notes that stand beside it."""
        place = below(pointer, "$ref")
        beside = sorted(part.keys() - NOTES - ROOT_ONLY - {"$ref", "title", "description"})
        if beside:
            self._wrong.add(place, "reference", f"Nothing but notes may stand beside a $ref: move {beside[0][:100]!r}")
            return {}
        found = self._target(part["$ref"], place)
        if found is None:
            return {}
        target, target_pointer = found
        if target_pointer in self._open:
            self._wrong.give_up(
                place,
                "recursive",
                f"The schema is recursive: {part['$ref']!r} holds itself. Write out as many levels as you need",
            )
        if len(self._open) >= 2 * DEEPEST:
            self._wrong.give_up(
                place, "too_deep", f"More than {2 * DEEPEST} references lead here: write some of them out"
            )
        self._open.append(target_pointer)
        read = self._part(target, target_pointer, depth)
        self._open.pop()
        return {**read, **{name: part[name] for name in ("title", "description") if name in part}} if read else {}

    def _target(self, reference: Any, place: str) -> tuple[Any, str] | None:
        kind, _, name = reference.removeprefix("#/").partition("/") if isinstance(reference, str) else ("", "", "")
        name = name.replace("~1", "/").replace("~0", "~")
        if not isinstance(reference, str) or not reference.startswith("#/") or kind not in ("$defs", "definitions"):
            self._wrong.add(place, "reference", 'A $ref names a definition of this schema, as in "#/$defs/address"')
            return None
        definitions = self._schema.get(kind)
        if not isinstance(definitions, Mapping) or name not in definitions:
            self._wrong.add(place, "reference", f"There is no definition {reference[:200]!r} in this schema")
            return None
        return definitions[name], below(self._pointer, kind, name)

    def _alternatives(self, read: dict[str, Any], pointer: str, depth: int) -> dict[str, Any]:
        place = below(pointer, "anyOf")
        beside = sorted(read.keys() - {"anyOf", "title", "description"})
        if beside:
            self._wrong.add(
                below(pointer, beside[0]), "keyword_unsupported", "Beside anyOf nothing constrains: move it into each"
            )
        if not 1 <= len(read["anyOf"]) <= MOST_ALTERNATIVES:
            self._wrong.add(place, "keyword_value", f"An anyOf holds 1 to {MOST_ALTERNATIVES} schemas")
            return {}
        read["anyOf"] = [self._part(part, below(place, number), depth + 1) for number, part in enumerate(read["anyOf"])]
        return read

    def _plain(self, read: dict[str, Any], pointer: str, depth: int) -> dict[str, Any]:
        self._count_costly(read, pointer)
        types = types_of(read)
        if not types:
            self._wrong.add(
                pointer, "type_missing", "Say what this is: a type, an enum, a const, an anyOf or a $ref is missing"
            )
            return {}
        check_sense(read, types, pointer, self._wrong)
        if "object" in types:
            self._read_object(read, pointer, depth)
        if "array" in types:
            self._read_array(read, pointer, depth)
        return read

    def _count_costly(self, read: Mapping[str, Any], pointer: str) -> None:
        """Add up what grammar compilers take long for."""
        if _COSTLY.isdisjoint(read):
            return
        for what, more, most, remedy in (
            ("enum values", len(listed(read)), MOST_ENUM_VALUES, "use a string where there are so many"),
            (
                "items by its bounds",
                max(read.get("minItems", 0), read.get("maxItems", 0)),
                MOST_ITEMS_IN_ALL,
                "lower them, or leave some out",
            ),
            ("numbers with bounds", not _RANGES.isdisjoint(read), MOST_RANGES, "check some bounds yourself"),
            ("texts with a format", "format" in read, MOST_FORMATS, "use plain strings for some"),
        ):
            self._costly[what] += more
            if self._costly[what] > most:
                self._wrong.give_up(
                    pointer,
                    "too_large",
                    f"The schema has more than {most} {what}, with its references written out: {remedy}",
                )

    def _read_object(self, read: dict[str, Any], pointer: str, depth: int) -> None:
        properties = read.get("properties", {})
        place = below(pointer, "properties")
        self._properties += len(properties)
        if self._properties > MOST_PROPERTIES:
            self._wrong.give_up(
                place,
                "too_large",
                f"The schema has more than {MOST_PROPERTIES} properties, with its references written out: ask for "
                "fewer at once",
            )
        if not properties:
            self._wrong.add(
                pointer, "properties_missing", "An object names its properties: for free keys take an array of pairs"
            )
        for name in properties:
            if len(name) > LONGEST_NAME:
                message = f"The name of a property has at most {LONGEST_NAME} characters"
                self._wrong.add(below(place, name[:LONGEST_NAME]), "out_of_bounds", message)
        read["properties"] = {
            name: self._part(part, below(place, name), depth + 1) for name, part in properties.items()
        }
        read["additionalProperties"] = False

    def _read_array(self, read: dict[str, Any], pointer: str, depth: int) -> None:
        if "items" not in read:
            self._wrong.add(pointer, "items_missing", "An array says what its items are: add items")
            return
        read["items"] = self._part(read["items"], below(pointer, "items"), depth + 1)
