"""What Starlette and FastAPI raise themselves, said better."""

import asyncio
import re
from collections.abc import Iterable
from difflib import get_close_matches

from fastapi import Request
from starlette.exceptions import HTTPException

from app.problems import ProblemError, problem_of_exception

__all__ = ["framework_problem", "shown"]

_LONGEST_SHOWN = 200
_TASK = re.compile(r"/v1/([^/]*)(?:/stream|/batch)?", re.DOTALL)


async def framework_problem(request: Request, error: HTTPException, tasks: Iterable[str]) -> ProblemError:
    """The problem for an error that no operation raised."""
    path, method = request.scope["path"], request.method
    if error.status_code == 400:
        return _unreadable(error.__cause__)
    named = _TASK.fullmatch(path) if error.status_code == 404 and method == "POST" else None
    if named and named[1] not in (known := list(tasks)):
        told = ", ".join(known)
        return ProblemError("task_unknown", f"There is no task {shown(named[1])!r}. The tasks are: {told}.")
    if error.status_code == 404:
        return ProblemError("not_found", f"There is no {shown(path)}. {await _hint(request, path)}")
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "GET")
        return ProblemError("method_not_allowed", f"{shown(path)} doesn't take {shown(method)}. Use {allowed}.")
    return problem_of_exception(error)


def shown(text: str, longest: int = _LONGEST_SHOWN) -> str:
    """A caller's text as an error may repeat it: cut, and without what doesn't print."""
    cut = text if len(text) <= longest else text[:longest] + "..."
    return "".join(character if character.isprintable() else "\ufffd" for character in cut)


async def _hint(request: Request, path: str) -> str:
    if len(path) > _LONGEST_SHOWN:
        return "The path is far too long."
    document = await asyncio.to_thread(request.app.openapi)  # the first time it takes 0.2 s
    near = get_close_matches(path, document["paths"], n=1, cutoff=0.7)
    if near:
        return f"Did you mean {near[0]}?"
    return "The operations are listed in /openapi.json."


def _unreadable(cause: BaseException | None) -> ProblemError:
    """FastAPI says 400 for whatever went wrong while it read the body; its cause tells what that was."""
    if isinstance(cause, ProblemError):
        return cause
    if isinstance(cause, UnicodeDecodeError):
        return ProblemError("invalid_json", f"The body is not UTF-8: the byte at {cause.start} begins no character.")
    if isinstance(cause, RecursionError):
        return ProblemError("invalid_json", "The body is nested too deeply.")
    return ProblemError("invalid_json", "The body could not be read as JSON.")
