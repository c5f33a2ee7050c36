"""What a sidecar of this worker's host tells of itself.

Invariant: its admin socket is asked, which only this worker can reach; nothing of it is stored.
"""

import httpx

from meshwright.adapters.envoy import failures
from meshwright.adapters.envoy.adapter import adapter
from meshwright.adapters.envoy.dataplane import administration
from meshwright.adapters.envoy.xds.control_plane import ControlPlane
from meshwright.core import kit
from meshwright.core.kit.status import envoys
from meshwright.schemas.workloads import ProxyAccount, ProxyRequest

_ANSWER_S = 10.0


@adapter.proxy_account
async def proxy_account(scope: kit.Scope, request: ProxyRequest) -> ProxyAccount:
    """A sidecar's certificates and configuration.

    Raises kit.Reject when it does not run on this host, kit.Retry when it does not answer.
    """
    plane: ControlPlane = scope.service
    state = plane.state(request.workspace, request.mesh)
    if state is None:
        raise failures.no_mesh(request.mesh)
    if request.name not in state.workloads:
        raise failures.not_here(request.name)
    node = str(state.node(request.name))
    transport = administration.Transport(plane.fleet.directory)
    async with httpx.AsyncClient(transport=transport, timeout=_ANSWER_S) as client:

        async def get(path: str) -> bytes:
            return (await client.get(f"http://{node}{path}")).raise_for_status().content

        try:
            return await envoys.account(get)
        except httpx.ConnectError as error:  # it has no socket here: it runs on another host, or not at all
            raise failures.not_here(request.name) from error
        except httpx.HTTPError as error:
            raise failures.silent(request.name) from error
