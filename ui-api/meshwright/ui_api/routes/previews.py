"""Previews: validating, translating and diffing a design against a mesh, without changing anything."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from meshwright.core import ids
from meshwright.schemas.base import Model, Name
from meshwright.schemas.designs import Design, Preview
from meshwright.schemas.errors import FieldError
from meshwright.schemas.operations import ApplyDesign
from meshwright.ui_api.http import answers, bodies
from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.http.queries import NoQuery
from meshwright.ui_api.http.routing import Call, Routes
from meshwright.ui_api.requests import accepting, designs, previews, targets

routes = Routes("designs")
_RULES = ("The id of `design` is the one in the path.",)


class PreviewRequest(Model, frozen=True, kw_only=True):
    """A mesh, and the design: the given one, or else the stored one at `version` (0: the newest).

    With `take_over` the preview is of applying with `take_over`.
    """

    mesh: Name
    design: Design | None = None
    version: Annotated[int, Meta(ge=0)] = 0
    take_over: bool = False


class Validation(Model, frozen=True, kw_only=True):
    """Whether a design can be applied, and its errors with their places."""

    valid: bool
    errors: list[FieldError]


@routes.add(
    "POST",
    "/v1/designs/{id}:translate",
    "translateDesign",
    role="viewer",
    body=PreviewRequest,
    further_rules=_RULES,
    yaml=True,
    answer=Preview,
    problems=previews.PROBLEMS,
)
async def translate(call: Call[PreviewRequest, NoQuery]) -> Response:
    """Show the native resources that the intents of a design are translated to on a mesh."""
    result = await _preview(call)
    previews.refuse(msgspec.structs.replace(result, unsupported=[]))
    return answers.ok(msgspec.structs.replace(result, diff=[]))


@routes.add(
    "POST",
    "/v1/designs/{id}:diff",
    "diffDesign",
    role="viewer",
    body=PreviewRequest,
    further_rules=_RULES,
    yaml=True,
    answer=Preview,
    problems=previews.PROBLEMS,
)
async def diff(call: Call[PreviewRequest, NoQuery]) -> Response:
    """Show what applying a design would change on a mesh, resource by resource."""
    result = await _preview(call)
    previews.refuse(msgspec.structs.replace(result, unsupported=[]))
    return answers.ok(result)


@routes.add(
    "POST",
    "/v1/designs/{id}:validate",
    "validateDesign",
    role="viewer",
    body=PreviewRequest,
    further_rules=_RULES,
    yaml=True,
    answer=Validation,
    problems=previews.PROBLEMS,
)
async def validate(call: Call[PreviewRequest, NoQuery]) -> Response:
    """Show everything that prevents a design from being applied to a mesh."""
    try:
        result = await _preview(call)
    except Refusal as refused:
        if refused.slug != "invalid-document":
            raise
        return answers.ok(Validation(valid=False, errors=refused.errors))
    errors = list(result.problems)
    errors += [FieldError(detail=f"{one.intent}: {one.because}", pointer="#/intents") for one in result.unsupported]
    return answers.ok(Validation(valid=not errors, errors=errors))


async def _preview(call: Call[PreviewRequest, NoQuery]) -> Preview:
    name = call.name()
    target = targets.mesh(call.api, call.workspace, call.body.mesh, "#/mesh")
    design = call.body.design or await designs.stored(call, name, call.body.version)
    if design.id != name:
        detail = f"the path says {name!r}"
        raise Refusal("invalid-document", detail, errors=[FieldError(detail=detail, pointer="#/design/id")])
    designs.sound(design, "#/design" if call.body.design else "#")
    wanted = targets.request_for(target, ApplyDesign(design=design, take_over=call.body.take_over))
    command = accepting.command_for(call, wanted, ids.fresh(), previews.PREVIEW_S)
    bodies.bounded(command)
    return await previews.preview(call.api, command)
