"""How large a schema that a caller sends may be. Measured: docs/adr/0011-schema-gate.md."""

__all__ = [
    "DEEPEST",
    "LARGEST_NUMBER",
    "LONGEST_NAME",
    "LONGEST_SCHEMA_BYTES",
    "LONGEST_TEXT",
    "MOST_ALTERNATIVES",
    "MOST_ENUM_VALUES",
    "MOST_ITEMS",
    "MOST_PARTS",
    "MOST_PLACES",
    "MOST_PROPERTIES",
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

MOST_ALTERNATIVES = 20
"""Schemas in one anyOf."""

LARGEST_NUMBER = 2**53 - 1
"""The largest bound of a number: beyond it, grammar compilers compute with rounded ones."""

MOST_PLACES = 20
"""Wrong places that one problem lists."""
