"""Ports for the sidecars of new workloads.

Invariant: no port is given to two sidecars of any mesh of this adapter, nor one on which a workload itself
listens; what was given stays, since callers have it in their configuration.
"""

import time
from collections.abc import Iterable

from meshwright.adapters.envoy.desired import DesiredState, Ports
from meshwright.core import ports
from meshwright.schemas.workloads import WorkloadSpec

_LATELY_SECONDS = 60.0


class Lately:
    """Ports that this worker gave a moment ago and that no desired state shows yet.

    Operations on different meshes run at the same time, so their plans may be made from the same states.
    """

    def __init__(self) -> None:
        self._until: dict[int, float] = {}

    def ports(self) -> set[int]:
        """Those that may still be under way into a desired state."""
        now = time.monotonic()
        self._until = {port: until for port, until in self._until.items() if until > now}
        return set(self._until)

    def add(self, given: Iterable[int]) -> None:
        """These are given now."""
        self._until.update(dict.fromkeys(given, time.monotonic() + _LATELY_SECONDS))


def allocate(
    states: Iterable[DesiredState],
    mesh: DesiredState,
    specs: Iterable[WorkloadSpec],
    first: int,
    lately: Lately | None = None,
) -> dict[str, Ports]:
    """Ports for those of `specs` that the mesh does not have yet, from `first` upwards, none of those given `lately`.

    Without `lately` they are only shown and not given. Raises OSError when none are free.
    """
    wanted = list(specs)
    taken = {spec.port for spec in wanted} | (lately.ports() if lately else set())
    for state in [*states, mesh]:
        for member in state.workloads.values():
            taken |= {member.spec.port, member.ports.outbound, member.ports.inbound}
    new = [spec.name for spec in wanted if spec.name not in mesh.workloads]
    chosen = ports.choose_many(2 * len(new), first, taken=taken)
    if lately:
        lately.add(chosen)
    free = iter(chosen)
    return {name: Ports(outbound=next(free), inbound=next(free)) for name in new}
