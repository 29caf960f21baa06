"""Gets one item done: tries it again after what may pass, and waits while no backend could answer it."""

import asyncio
from typing import Any

from pydantic import ValidationError

from app.contract import to_response
from app.jobs.progress import Claim
from app.jobs.slot import Slot
from app.jobs.submission import item_request_id
from app.jobs.table import ItemState
from app.keys import Quotas
from app.problems import Problem, ProblemError, note_failure, problem_of
from app.sections import JobSettings
from chains.documents.errors import DocumentsBusy
from chains.errors import BackendBusy, BackendUnavailable, CopydeskError
from chains.result import TaskResult
from chains.runner import Runner
from chains.task import Task, TaskInput
from chains.traffic.breaker import BreakerState

__all__ = ["Attempts", "GivenUpError"]

_LOOK_S = 0.5
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_MOST_CLAIMS = 20
"""An item that was begun so often, and never ended, ends the process that works on it."""
_OF_THE_JOB = ("key_invalid", "budget_exhausted")
"""No item of the job would get through after these."""


class GivenUpError(Exception):
    """The job as such cannot go on."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


class Attempts:
    """Tries items with the service's runner, within the limits of their keys."""

    def __init__(self, runner: Runner, quotas: Quotas, settings: JobSettings) -> None:
        self._runner = runner
        self._quotas = quotas
        self._settings = settings

    async def outcome(self, claim: Claim, slot: Slot) -> tuple[ItemState, str]:
        """How the item ended, with the JSON text of its result or of its problem. Raises GivenUpError."""
        request_id = item_request_id(claim.job_id, claim.index)
        try:
            if claim.claims > _MOST_CLAIMS:
                raise _deadly()
            task = self._runner.task(claim.task)
            request = _read(task, claim)
            result = await self._tried(claim, slot, request, request_id)
            return ItemState.SUCCEEDED, to_response(task, result, request_id).decode()
        except Exception as error:
            problem = problem_of(error, request_id, f"/v1/jobs/{claim.job_id}")
            note_failure(request_id, error, problem.code)
            if problem.code in _OF_THE_JOB:
                raise GivenUpError(problem) from None
            return ItemState.FAILED, problem.model_dump_json(exclude_defaults=True)

    async def _tried(self, claim: Claim, slot: Slot, request: TaskInput, request_id: str) -> TaskResult[Any]:
        """The task's result. What was refused before a backend was asked is no try; for that it waits no longer than
        a job is kept."""
        loop = asyncio.get_running_loop()
        patient_until = loop.time() + self._settings.retention_s
        tries, pause_s = 0, _FIRST_PAUSE_S
        while True:
            await self._usable_backend(claim.choice.route, slot, patient_until)
            try:
                await self._quotas.check_item(claim.key_id)
                return await self._runner.run(
                    claim.task,
                    request,
                    caller=claim.key_id,
                    request_id=request_id,
                    choice=claim.choice,
                    background=True,
                )
            except (CopydeskError, ProblemError) as error:
                tries += self._was_tried(error, claim.choice.route)
                is_over = tries >= self._settings.max_attempts or loop.time() > patient_until
                if not _may_pass(error) or is_over:
                    raise
                await slot.rest(max(pause_s, getattr(error, "retry_after_s", None) or 0))
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _usable_backend(self, route: tuple[str, ...], slot: Slot, patient_until: float) -> None:
        """Wait until a backend of the route can be asked. After long enough one is asked all the same: so its error is
        told."""
        while not self._is_usable(route) and asyncio.get_running_loop().time() < patient_until:
            await slot.rest(_LOOK_S)

    def _is_usable(self, route: tuple[str, ...]) -> bool:
        lanes = [self._runner.backends[name] for name in route if name in self._runner.backends]
        if not lanes:  # they were taken out of the configuration, which the runner says better
            return True
        return any(lane.is_usable and lane.breaker.state is not BreakerState.OPEN for lane in lanes)

    def _was_tried(self, error: Exception, route: tuple[str, ...]) -> bool:
        if isinstance(error, ProblemError | BackendBusy | DocumentsBusy):
            return False
        lanes = [self._runner.backends[name] for name in route if name in self._runner.backends]
        was_spared = any(lane.breaker.state is not BreakerState.CLOSED for lane in lanes)
        return not (isinstance(error, BackendUnavailable) and was_spared and error.retry_after_s is not None)


def _may_pass(error: CopydeskError | ProblemError) -> bool:
    if isinstance(error, ProblemError):
        return error.code == "tokens_limited"
    return error.retryable


def _read(task: Task[Any, Any], claim: Claim) -> TaskInput:
    """The request as it was stored, on the job's terms. A newer version of Copydesk may take other inputs."""
    try:
        request: TaskInput = task.input.model_validate_json(claim.request)
    except ValidationError as error:
        places = ", ".join(sorted({".".join(map(str, item["loc"])) or "the item" for item in error.errors()}))
        raise ProblemError(
            "invalid_request", f"The item was accepted once, but no longer fits the task: {places}. Send it again."
        ) from None
    return request.model_copy(update={"priority": claim.priority})


def _deadly() -> ProblemError:
    return ProblemError(
        "internal",
        f"The service ended {_MOST_CLAIMS} times while it worked on this item. Report it with the request id.",
    )
