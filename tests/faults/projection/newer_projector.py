"""A projector of the next version: it has one more type and one more field than the present one."""

from typing import ClassVar

import msgspec

from meshwright.core.store import kinds
from meshwright.schemas import catalog, workloads
from meshwright.schemas.base import Message, Wire
from meshwright.workers.projector import folding, main
from meshwright.workers.projector.folding import observed, routes


class Workload(workloads.Workload, frozen=True, kw_only=True):
    """Says where it runs."""

    zone: str = ""


class Observed(Message, frozen=True, kw_only=True):
    """The type of today with the field of tomorrow."""

    wire: ClassVar[Wire] = workloads.WorkloadObserved.wire
    workload: Workload


class Observed3(Message, frozen=True, kw_only=True):
    """The type of tomorrow."""

    wire: ClassVar[Wire] = Wire("dev.meshwright.workload.observed.v3", "workload")
    workload: Workload


KIND = msgspec.structs.replace(kinds.WORKLOADS, model=Workload)

if __name__ == "__main__":
    for kind in (Observed, Observed3):
        catalog.BY_NAME[kind.wire.name] = kind
        catalog._DECODERS[kind.wire.name] = msgspec.json.Decoder(kind)
        key = routes._of_part("workload")
        routes._EVENTS[kind] = (routes.Route(KIND, key, observed.workload),)
    folding.VERSION += 1
    main()
