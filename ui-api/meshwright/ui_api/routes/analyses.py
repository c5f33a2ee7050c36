"""Analysis and import: findings about resources, or a design that expresses them; for files, a mesh, or both.

What a finding means is explained by its code, whether or not a worker of its mesh runs.

Invariant: nothing is changed, and nothing is stored.
"""

from typing import Any

import msgspec
from starlette.responses import Response

from meshwright.schemas import rules
from meshwright.schemas.base import Model
from meshwright.schemas.designs import FilesToImport, ImportedDesign, ImportRequest, MeshToImport
from meshwright.schemas.findings import (
    Analysis,
    AnalysisRequest,
    FilesToAnalyze,
    FindingRule,
    FindingRules,
    MeshToAnalyze,
)
from meshwright.ui_api.http import answers
from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.http.queries import NoQuery
from meshwright.ui_api.http.routing import Call, NoBody, Routes
from meshwright.ui_api.requests import previews, targets

routes = Routes("analyses")
_ANALYSIS = msgspec.json.Decoder(Analysis)
_DESIGN = msgspec.json.Decoder(ImportedDesign)


@routes.add(
    "POST",
    "/v1/meshes/{id}:analyze",
    "analyzeMesh",
    role="viewer",
    body=MeshToAnalyze,
    yaml=True,
    answer=Analysis,
    problems=previews.PROBLEMS,
)
async def mesh(call: Call[MeshToAnalyze, NoQuery]) -> Response:
    """Analyze the resources of a mesh, files for it, or both together: a file replaces the resource of its name."""
    target = targets.mesh(call.api, call.workspace, call.name())
    request = AnalysisRequest(
        workspace=call.workspace,
        connection=target.connection,
        mesh=target.id,
        files=call.body.files,
        live=call.body.live,
        suppress=list(call.body.suppress),
    )
    return await _answered(call, target.adapter, "analyze", request, _ANALYSIS)


@routes.add(
    "POST",
    "/v1/adapters/{id}:analyze",
    "analyzeFiles",
    role="viewer",
    body=FilesToAnalyze,
    yaml=True,
    answer=Analysis,
    problems=previews.PROBLEMS,
)
async def files(call: Call[FilesToAnalyze, NoQuery]) -> Response:
    """Analyze files by the rules of an adapter."""
    name = previews.alive(call.api, call.name())
    request = AnalysisRequest(workspace=call.workspace, files=call.body.files, suppress=list(call.body.suppress))
    return await _answered(call, name, "analyze", request, _ANALYSIS)


@routes.add(
    "POST",
    "/v1/meshes/{id}:import",
    "importMesh",
    role="viewer",
    body=MeshToImport,
    yaml=True,
    answer=ImportedDesign,
    problems=previews.PROBLEMS,
)
async def import_mesh(call: Call[MeshToImport, NoQuery]) -> Response:
    """Import the resources of a mesh, files for it, or both together as a design, with the fields that no intent
    expresses.
    """
    target = targets.mesh(call.api, call.workspace, call.name())
    request = _import_request(call, connection=target.connection, mesh=target.id, live=call.body.live)
    return await _answered(call, target.adapter, "import", request, _DESIGN)


@routes.add(
    "POST",
    "/v1/adapters/{id}:import",
    "importFiles",
    role="viewer",
    body=FilesToImport,
    yaml=True,
    answer=ImportedDesign,
    problems=previews.PROBLEMS,
)
async def import_files(call: Call[FilesToImport, NoQuery]) -> Response:
    """Import files of Kubernetes YAML as a design, with the fields that no intent expresses."""
    return await _answered(call, previews.alive(call.api, call.name()), "import", _import_request(call), _DESIGN)


@routes.add("GET", "/v1/findings", "listFindingRules", role="viewer", answer=FindingRules)
async def finding_rules(call: Call[NoBody, NoQuery]) -> Response:
    """List everything that analysis looks for, by code."""
    return answers.ok(FindingRules(items=list(rules.BY_CODE.values())))


@routes.add(
    "GET",
    "/v1/findings/{code}",
    "getFindingRule",
    role="viewer",
    places={"code": "^[A-Za-z0-9]{1,20}$"},
    answer=FindingRule,
)
async def finding_rule(call: Call[NoBody, NoQuery]) -> Response:
    """Explain a code: what is wrong, why it matters, what to do, and what the mesh's own tool calls it."""
    code = call.name("code").upper()
    rule = rules.BY_CODE.get(code) or next((each for each in rules.BY_CODE.values() if code in each.equivalents), None)
    if rule is None:
        raise Refusal("not-found", f"there is no finding {code}: `GET /v1/findings` lists the known ones")
    return answers.ok(rule)


def _import_request(call: Call[MeshToImport, NoQuery] | Call[FilesToImport, NoQuery], **more: Any) -> ImportRequest:
    """What the body asks for; `more` is what is known of a mesh."""
    body = call.body
    return ImportRequest(
        workspace=call.workspace, files=body.files, id=body.id, namespace=body.namespace, flat=body.flat, **more
    )


async def _answered(
    call: Call[Any, NoQuery], adapter: str, endpoint: str, request: Model, decoder: msgspec.json.Decoder[Any]
) -> Response:
    """The answer of a live worker of an adapter. Raises Refusal."""
    payload = msgspec.json.encode(request)
    return answers.ok(await previews.ask(call.api, adapter, endpoint, payload, decoder, previews.PREVIEW_S))
