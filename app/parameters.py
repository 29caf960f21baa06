"""Query parameters that an operation doesn't have are errors: a misspelt one would be ignored without a word."""

from difflib import get_close_matches

from fastapi import Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute

from app.framework_errors import shown
from app.problems import ParameterError, ProblemError

__all__ = ["refuse_unknown_parameters"]

_PREFIX = "/v1/"
_MOST_TOLD = 10
_LONGEST_SHOWN = 100


async def refuse_unknown_parameters(request: Request) -> None:
    """A dependency of the whole application. Raises ProblemError (`invalid_request`), which names each of them. What
    probes and scrapers add to the paths of operations is no concern of ours."""
    if not request.scope["query_string"] or not request.scope["path"].startswith(_PREFIX):
        return
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    flat = get_flat_params(route.dependant)
    known = sorted(field.alias for field in flat if isinstance(field.field_info, Query))
    unknown = [name for name in request.query_params if name not in known]
    if not unknown:
        return
    told = unknown[:_MOST_TOLD]
    names = ", ".join(shown(name, _LONGEST_SHOWN) for name in told) + (", ..." if len(unknown) > len(told) else "")
    count = "is no parameter" if len(unknown) == 1 else "are no parameters"
    fields = [ParameterError("", "parameter_unknown", _told(name, known), shown(name, _LONGEST_SHOWN)) for name in told]
    raise ProblemError("invalid_request", f"{names} {count} of this operation. See errors.", fields)


def _told(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    if near:
        return f"There is no such parameter; did you mean {near[0]}?"
    return f"There is no such parameter; there are {', '.join(known)}" if known else "This operation takes none"
