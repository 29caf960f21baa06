"""The items of one batch, so many at once, and the response that they make up."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from app.batch.shapes import BatchCounts, BatchMeta
from app.batch.turns import Turns
from app.caller import Caller, check_request
from app.contract import meta_usage, to_response
from app.problems import ProblemError, note_failure, problem_of, problem_of_exception
from app.sections import BatchSettings
from app.telemetry.request_record import OK, note_item
from chains.errors import FieldError
from chains.parallel import in_parallel
from chains.result import Bill, TaskResult, Usage
from chains.runner import Runner
from chains.task import Task, TaskInput

__all__ = ["Batch", "CheckItem"]

CheckItem = Callable[[str], Awaitable[None]]
"""Whether the key of that id may have one more item now. Raises ProblemError."""


class Batch:
    """One batch of a caller, whose limits `check_item` knows by the id of the caller's key. `request_id` is its own;
    its items add their index to it. `path` is what was called."""

    def __init__(
        self,
        runner: Runner,
        task: Task[Any, Any],
        settings: BatchSettings,
        check_item: CheckItem,
        *,
        caller: Caller,
        request_id: str,
        path: str,
    ) -> None:
        self._runner = runner
        self._task = task
        self._settings = settings
        self._check_item = check_item
        self._caller = caller
        self._request_id = request_id
        self._path = path
        self._total = self._succeeded = self._bytes = 0
        self._usage = Usage()
        self._bill: Bill | None = None

    async def answer(self, items: Sequence[Any], deadline_ms: int | None) -> bytes:
        """The whole response. Cancelled, it cancels what is left of the items."""
        start = time.monotonic()
        turns = Turns(self._run, deadline_ms)
        self._total = len(items)

        async def entry(numbered: tuple[int, Any]) -> bytes:
            return await self._entry(*numbered, turns)

        results = await in_parallel(entry, list(enumerate(items)), self._width(items))
        meta = BatchMeta(
            request_id=self._request_id,
            counts=BatchCounts(total=self._total, succeeded=self._succeeded, failed=self.failed),
            usage=meta_usage(self._usage, self._bill),
            total_ms=round((time.monotonic() - start) * 1000),
        )
        return b'{"results":[%s],"meta":%s}' % (b",".join(results), meta.model_dump_json(exclude_none=True).encode())

    @property
    def failed(self) -> int:
        """How many items have a problem."""
        return self._total - self._succeeded

    def _width(self, items: Sequence[Any]) -> int:
        """Items that run at once: no more than their backends work on, for the rest would only fill the queues."""
        lanes = self._runner.backends
        named = [item.get("backend") for item in items if isinstance(item, dict)]
        chosen = {name for name in named if isinstance(name, str) and name in lanes}
        route = self._runner.routes[self._task.name]
        if not chosen or None in named:
            chosen.add(next((name for name in route if lanes[name].is_usable), route[0]))
        return min(self._settings.parallel, sum(lanes[name].admission.slots for name in chosen))

    async def _entry(self, index: int, item: Any, turns: Turns) -> bytes:
        """One entry of `results`, as JSON."""
        request_id = f"{self._request_id}:{index}"
        await asyncio.sleep(0)  # items that cost nothing, however many, let others run between them
        try:
            request = self._validated(index, item)
            check_request(self._caller, self._task.name, request)
            self._make_room(0)
            await self._check_item(self._caller.key_id)
            result = await turns.run(request, request_id)
            response = to_response(self._task, result, request_id)
            self._make_room(len(response))
        except Exception as error:
            return b'{"index":%d,"problem":%s}' % (index, self._problem(index, error, request_id))
        note_item(self._task.name, OK)
        self._succeeded += 1
        self._usage += result.usage
        self._bill = _sum(self._bill, result.bill)
        return b'{"index":%d,"result":%s}' % (index, response)

    async def _run(self, request: TaskInput, request_id: str) -> TaskResult[Any]:
        return await self._runner.run(self._task.name, request, caller=self._caller.key_id, request_id=request_id)

    def _validated(self, index: int, item: Any) -> TaskInput:
        try:
            request: TaskInput = self._task.input.model_validate(item, from_attributes=True)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
            place = "body", "items", index
            raise RequestValidationError([{**one, "loc": (*place, *one["loc"])} for one in details]) from None
        return request

    def _make_room(self, size: int) -> None:
        """Raises ProblemError where the response would become larger than it may. Documents' texts can be in it."""
        self._bytes += size
        most = self._settings.max_response_bytes
        if self._bytes > most:
            raise ProblemError(
                "response_too_large",
                f"The results of the batch are larger than {most} bytes together (batch.max_response_bytes), so that "
                "this item's is left out. Send it in another batch.",
            )

    def _problem(self, index: int, error: Exception, request_id: str) -> bytes:
        found = problem_of_exception(error)
        if not isinstance(error, RequestValidationError):  # whose pointers begin at the batch already
            found.fields = tuple(FieldError(f"/items/{index}{f.pointer}", f.code, f.message) for f in found.fields)
        note_item(self._task.name, found.code)
        note_failure(request_id, error, found.code)
        return problem_of(found, request_id, self._path).model_dump_json(exclude_defaults=True).encode()


def _sum(one: Bill | None, other: Bill | None) -> Bill | None:
    """Both together. What has no price adds nothing to the cost; methods that differ are all named."""
    if one is None or other is None:
        return one or other
    costs = [cost for cost in (one.cost_nano_usd, other.cost_nano_usd) if cost is not None]
    methods = dict.fromkeys([*one.method.split(", "), *other.method.split(", ")])
    return Bill(
        cost_nano_usd=sum(costs) if costs else None,
        energy_uwh=one.energy_uwh + other.energy_uwh,
        water_ul=one.water_ul + other.water_ul,
        method=", ".join(methods),
    )
