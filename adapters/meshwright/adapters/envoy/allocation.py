"""Ports for the sidecars of new workloads.

Invariant: no port is given to two sidecars of any mesh of this adapter, nor one on which a workload itself
listens; what was given stays, since callers have it in their configuration.
"""

from collections.abc import Iterable

from meshwright.adapters.envoy.desired import DesiredState, Ports
from meshwright.core import ports
from meshwright.schemas.workloads import WorkloadSpec


def allocate(
    states: Iterable[DesiredState], mesh: DesiredState, specs: Iterable[WorkloadSpec], first: int
) -> dict[str, Ports]:
    """Ports for those of `specs` that the mesh does not have yet, from `first` upwards.

    Raises OSError when none are free.
    """
    wanted = list(specs)
    taken = {spec.port for spec in wanted}
    for state in [*states, mesh]:
        for member in state.workloads.values():
            taken |= {member.spec.port, member.ports.outbound, member.ports.inbound, member.ports.admin}
    new = [spec.name for spec in wanted if spec.name not in mesh.workloads]
    free = iter(ports.choose_many(3 * len(new), first, taken=taken))
    return {name: Ports(outbound=next(free), inbound=next(free), admin=next(free)) for name in new}
