"""The logs of sidecars that this worker runs.

Invariant: only what a sidecar wrote itself is read; a workload's own output belongs to whoever started it.
"""

from meshwright.adapters.envoy import failures
from meshwright.adapters.envoy.adapter import adapter
from meshwright.adapters.envoy.xds.control_plane import ControlPlane
from meshwright.core import kit
from meshwright.core.kit.machine import in_thread, processes
from meshwright.schemas.workloads import LogPart, LogRequest


@adapter.logs
async def logs(scope: kit.Scope, request: LogRequest) -> list[LogPart]:
    """The newest lines of a sidecar's log. Raises kit.Reject when it is not of this host."""
    plane: ControlPlane = scope.service
    state = plane.state(request.workspace, request.mesh)
    if state is None:
        raise failures.no_mesh(request.mesh)
    if request.of == "workload":
        raise failures.no_log(f"{request.name} was started by you, and writes its output where you sent it",
                              f"Its sidecar's log: meshwright logs proxy/{request.name}")  # fmt: skip
    path = plane.fleet.log(str(state.node(request.name))) if request.name in state.workloads else None
    if path is None or not path.exists():
        raise failures.no_log(f"no sidecar {request.name} runs on the host of this worker",
                              "A sidecar that joined from another host writes its log there.")  # fmt: skip
    return [LogPart(name=str(path), text=await in_thread(processes.tail, path, request.lines))]
