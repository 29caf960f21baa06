"""The gate before every JSON Schema that a caller sends: what passes is cheap to compile, to obey and to check.

`gate` gives the schema that goes to a backend and to `AnswerCheck`. What callers may send: docs/schemas.md; why:
docs/adr/0011-schema-gate.md.
"""

from chains.schema_gate.answer_check import AnswerCheck
from chains.schema_gate.gate import gate
from chains.schema_gate.outline import outline

__all__ = ["AnswerCheck", "gate", "outline"]
