"""The closed list of the errors that a caller can see."""

from collections.abc import Mapping

from app.problem_codes.code import ProblemCode
from app.problem_codes.failures import FAILURES
from app.problem_codes.refusals import REFUSALS

__all__ = ["CODES", "FAILURES", "REFUSALS", "ProblemCode"]

CODES: Mapping[str, ProblemCode] = {entry.code: entry for entry in (*REFUSALS, *FAILURES)}
