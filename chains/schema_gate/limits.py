"""How large a schema that a caller sends may be. Measured: docs/adr/0011-schema-gate.md."""

__all__ = [
    "DEEPEST",
    "LARGEST_NUMBER",
    "LONGEST_NAME",
    "LONGEST_SCHEMA_BYTES",
    "LONGEST_TEXT",
    "MOST_ALTERNATIVES",
    "MOST_ENUM_VALUES",
    "MOST_FORMATS",
    "MOST_ITEMS",
    "MOST_ITEMS_IN_ALL",
    "MOST_PARTS",
    "MOST_PLACES",
    "MOST_PROPERTIES",
    "MOST_RANGES",
    "SMALLEST_NUMBER",
]

LONGEST_SCHEMA_BYTES = 32 << 10
"""Of its canonical JSON: UTF-8, sorted keys, no white space. As it was sent, and again with its references resolved."""

DEEPEST = 16
"""Schemas within schemas: the root is at 1, its properties and items at 2."""

MOST_PARTS = 500
"""Schemas and references in all, the root among them, with references resolved."""

MOST_PROPERTIES = 200
"""Of all objects together, with references resolved."""

MOST_ENUM_VALUES = 500
"""Of all enums together, with references resolved."""

LONGEST_NAME = 200
"""Characters of the name of a property."""

LONGEST_TEXT = 10_000
"""The largest minLength and maxLength, in characters."""

MOST_ITEMS = 1_000
"""The largest minItems and maxItems."""

MOST_ITEMS_IN_ALL = 3_000
"""The larger of minItems and maxItems, of all arrays added up, with references resolved. An item costs the grammar
compiler some 6 microseconds."""

MOST_RANGES = 40
"""Numbers with bounds: each costs the compiler half a millisecond."""

MOST_FORMATS = 40
"""Texts with a format: each costs the compiler a third of a millisecond."""

MOST_ALTERNATIVES = 20
"""Schemas in one anyOf."""

LARGEST_NUMBER = 2**53 - 1
"""The largest bound of a number: beyond it, grammar compilers compute with rounded ones."""

SMALLEST_NUMBER = 1e-4
"""The number next to 0 that a bound, an enum or a const may hold: the compiler writes numbers out digit by digit."""

MOST_PLACES = 20
"""Wrong places that one problem lists."""
