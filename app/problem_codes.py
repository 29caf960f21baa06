"""The closed list of the errors that a caller can see."""

from collections.abc import Mapping

from app.problem_code import ProblemCode
from app.request_problems import REQUEST_PROBLEMS
from app.service_problems import SERVICE_PROBLEMS

__all__ = ["CODES"]

CODES: Mapping[str, ProblemCode] = {entry.code: entry for entry in (*REQUEST_PROBLEMS, *SERVICE_PROBLEMS)}
