"""Ports for the sidecars of new workloads.

Invariant: no port is given to two sidecars of this host, whichever mesh, workspace, worker or installation they belong
to, since it is reserved in the host's registry before any state contains it; nor one on which a workload itself
listens. Allocated ports never change, since callers have them in their configuration.
"""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from meshwright.adapters.envoy.state.desired import DesiredState, Member, Ports
from meshwright.core.kit.machine import ports
from meshwright.schemas.workloads import WorkloadSpec

_EACH = 2
"""number of ports that a sidecar needs"""


class Reservations:
    """The sidecars' ports on this host; `owner` is a folder that exists as long as the sidecars.

    Methods wait while another process allocates; they raise OSError when the registry cannot be used.
    """

    def __init__(self, owner: Path) -> None:
        self._owner = owner
        self._registry = ports.Registry()

    def take(self, count: int, first: int, taken: Collection[int]) -> list[int]:
        """Reserve this many free ports, from `first` upwards."""
        return self._registry.reserve(count, first, owner=self._owner, taken=taken)

    def shown(self, count: int, first: int, taken: Collection[int]) -> list[int]:
        """The ports that `take` would reserve now."""
        return ports.choose_many(count, first, taken={*taken, *self._registry.all()})

    def claim(self, members: Iterable[Member]) -> set[int]:
        """Reserve the ports that sidecars already have; returns those that another process has reserved."""
        return self._registry.claim(_of(members), owner=self._owner)

    def give_back(self, members: Iterable[Member]) -> None:
        """Release the ports of these sidecars."""
        self._registry.give_back(_of(members), owner=self._owner)

    def release(self) -> None:
        """Release all ports."""
        self._registry.release(self._owner)


def allocate(
    states: Iterable[DesiredState],
    mesh: DesiredState,
    specs: Iterable[WorkloadSpec],
    first: int,
    reservations: Reservations | None = None,
    *,
    reserve: bool = True,
) -> dict[str, Ports]:
    """Ports for those of `specs` that the mesh does not have yet, from `first` upwards.

    Without `reserve`, or without `reservations`, they are not reserved. Raises OSError when none are free.
    """
    wanted = list(specs)
    new = [spec.name for spec in wanted if spec.name not in mesh.workloads]
    if not new:
        return {}
    taken = {spec.port for spec in wanted}
    for state in [*states, mesh]:
        for member in state.workloads.values():
            taken |= {member.spec.port, member.ports.outbound, member.ports.inbound}
    count = _EACH * len(new)
    if reservations is None:
        chosen = ports.choose_many(count, first, taken=taken)
    else:
        chosen = reservations.take(count, first, taken) if reserve else reservations.shown(count, first, taken)
    free: Iterator[int] = iter(chosen)
    return {name: Ports(outbound=next(free), inbound=next(free)) for name in new}


def _of(members: Iterable[Member]) -> set[int]:
    return {port for member in members for port in (member.ports.outbound, member.ports.inbound)}
