"""The operations on prompts: what is served, and what a model would read. They need the scope `prompts:read`."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request

from app.caller import needs
from app.contract import (
    PromptDetail,
    PromptInfo,
    PromptLabel,
    PromptList,
    PromptMessage,
    PromptParameters,
    PromptVersionDetail,
    PromptVersionInfo,
    RenderRequest,
    RenderResponse,
    Role,
    VersionStatus,
)
from app.problems import REFUSALS
from app.reload import PromptReloader
from app.strict_json import StrictJsonRoute
from chains.errors import FieldError, InvalidInput
from chains.prompts import PRODUCTION, PromptSet, PromptVersion
from chains.runner import Runner

__all__ = ["prompt_router"]

PromptName = Annotated[str, Path(description="The prompt's name, as GET /v1/prompts lists it.", examples=["summarize"])]

_RENDER_EXAMPLE = {
    "requestBody": {"content": {"application/json": {"example": {"inputs": {"text": "Some text.", "max_words": 40}}}}}
}


def prompt_router(runner: Runner, reloader: PromptReloader) -> APIRouter:
    """The operations on the prompts that the runner serves."""
    router = APIRouter(
        prefix="/v1/prompts",
        tags=["prompts"],
        route_class=StrictJsonRoute,
        dependencies=[Depends(needs("prompts:read"))],
        responses={**REFUSALS},
    )

    @router.get(
        "", operation_id="listPrompts", summary="List the prompts that are served", response_model_exclude_none=True
    )
    async def list_prompts() -> PromptList:
        """All versions, where the labels stand, and what is wrong with an edited set that was refused."""
        prompts = runner.prompts
        return PromptList(
            digest=prompts.digest,
            loaded_at=reloader.loaded_at,
            last_error=reloader.last_error,
            prompts=[_info(prompts, name) for name in prompts.names],
        )

    @router.get(
        "/{name}", operation_id="getPrompt", summary="Show all versions of a prompt", response_model_exclude_none=True
    )
    async def get_prompt(name: PromptName) -> PromptDetail:
        """Its inputs and parameters, its changes from version to version, and where its labels stand."""
        prompts = runner.prompts
        versions = [_detail(prompts, prompt) for prompt in prompts.versions(name)]
        return PromptDetail(name=name, labels=_labels(prompts, name), versions=versions)

    @router.post(
        "/{name}/render",
        operation_id="renderPrompt",
        summary="Show what a model would read",
        openapi_extra=_RENDER_EXAMPLE,
        response_model_exclude_none=True,
    )
    async def render_prompt(request: Request, name: PromptName, body: RenderRequest) -> RenderResponse:
        """The messages of one version with these inputs, and how many tokens they have. No model is asked."""
        try:
            rendered = await runner.render(name, body.inputs, version=body.version, label=body.label)
        except InvalidInput as error:
            raise InvalidInput(str(error), [_within_inputs(field) for field in error.errors]) from error
        request.scope["state"]["prompt"] = rendered.prompt  # for its log line
        messages = [PromptMessage(role=Role(role), content=content) for role, content in rendered.messages]
        return RenderResponse(messages=messages, tokens=rendered.tokens, prompt=rendered.prompt)

    return router


def _within_inputs(field: FieldError) -> FieldError:
    """The field with its pointer from the body's root."""
    return FieldError("/inputs" + field.pointer, field.code, field.message)


def _info(prompts: PromptSet, name: str) -> PromptInfo:
    versions = prompts.versions(name)
    production = prompts.labels.get(name, {}).get(PRODUCTION)
    shown = prompts.get(name, production.version) if production else versions[-1]
    return PromptInfo(
        name=name,
        description=shown.description,
        labels=_labels(prompts, name),
        versions=[PromptVersionInfo(**_identity(prompts, prompt)) for prompt in versions],
    )


def _labels(prompts: PromptSet, name: str) -> list[PromptLabel]:
    targets = prompts.labels.get(name, {})
    return [
        PromptLabel(label=label, version=target.version, percent=target.percent) for label, target in targets.items()
    ]


def _identity(prompts: PromptSet, prompt: PromptVersion) -> dict[str, Any]:
    status = VersionStatus.RELEASED if prompts.is_released(prompt) else VersionStatus.DRAFT
    return {"version": prompt.version, "digest": prompt.digest, "status": status}


def _detail(prompts: PromptSet, prompt: PromptVersion) -> PromptVersionDetail:
    return PromptVersionDetail(
        **_identity(prompts, prompt),
        description=prompt.description,
        changelog=prompt.changelog,
        inputs=dict(prompt.inputs),
        output=None if prompt.output is None else dict(prompt.output),
        parameters=PromptParameters(**prompt.parameters.model_dump()),
        uses={alias: str(helper) for alias, helper in prompt.uses.items()},
    )
