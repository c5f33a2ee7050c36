"""Analysis: findings about files, about what a mesh has, or about files as they would be on it.

Invariant: nothing is changed, and nothing is stored.
"""

import msgspec
from starlette.responses import Response

from meshwright.schemas.findings import Analysis, AnalysisRequest, FilesToAnalyze, MeshToAnalyze
from meshwright.ui_api.http import answers
from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.http.queries import NoQuery
from meshwright.ui_api.http.routing import Call, Routes
from meshwright.ui_api.requests import previews, targets

routes = Routes("analyses")
_DECODER = msgspec.json.Decoder(Analysis)


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
    """Analyze what a mesh has, files for it, or both together: a file stands for the resource of its name."""
    target = targets.mesh(call.api, call.workspace, call.name())
    request = AnalysisRequest(
        workspace=call.workspace,
        connection=target.connection,
        mesh=target.id,
        files=call.body.files,
        live=call.body.live,
        suppress=list(call.body.suppress),
    )
    return answers.ok(await _answer(call, target.adapter, request))


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
    name = call.name()
    known = sorted({worker.name for worker in call.api.live_adapters.alive()})
    if name not in known:  # a request to nobody would be waited for
        raise Refusal("adapter-unavailable", f"no live worker of {name}; there are: {', '.join(known) or 'none'}")
    request = AnalysisRequest(workspace=call.workspace, files=call.body.files, suppress=list(call.body.suppress))
    return answers.ok(await _answer(call, name, request))


async def _answer(
    call: Call[MeshToAnalyze, NoQuery] | Call[FilesToAnalyze, NoQuery], adapter: str, request: AnalysisRequest
) -> Analysis:
    payload = msgspec.json.encode(request)
    return await previews.ask(call.api, adapter, "analyze", payload, _DECODER, previews.PREVIEW_S)
