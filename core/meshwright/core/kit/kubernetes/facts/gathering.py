"""Reading what surrounds a design in its cluster.

Invariant: only what the design speaks of is read whole: the namespaces of its services, and the kinds that may stand in
its way. A kind that the cluster does not serve has no objects.
"""

from collections.abc import Collection, Mapping

import msgspec

from meshwright.core.kit.kubernetes import listing
from meshwright.core.kit.kubernetes.client import Cluster
from meshwright.core.kit.kubernetes.enrolment.workloads import KINDS as WORKLOADS
from meshwright.core.kit.kubernetes.facts.known import KubernetesFacts
from meshwright.core.kit.kubernetes.listing import Wanted
from meshwright.core.kit.kubernetes.objects import Body
from meshwright.schemas.base import service_parts

_NAMESPACES = Wanted("", "Namespace")


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """Objects as the cluster has them."""

    namespaces: list[Body]
    services: list[Body]
    """of the namespaces that the design speaks of"""
    workloads: list[Body]
    """of the same"""
    others: list[Body]
    """of the kinds that may stand in the way, in all namespaces"""
    lists: Mapping[Wanted, list[Body]]
    """what was wanted besides"""


async def surroundings(
    cluster: Cluster, facts: KubernetesFacts, kinds: Collection[tuple[str, str]], *more: Wanted
) -> Surroundings:
    """What is around the design of these facts. Raises KubernetesError."""
    services = [Wanted("", "Service", name) for name in _namespaces(facts)]
    workloads = [Wanted("apps", kind, name) for name in _namespaces(facts) for kind in WORKLOADS]
    others = [Wanted(*each) for each in kinds]
    lists = await listing.together(cluster, [_NAMESPACES, *services, *workloads, *others, *more])
    return Surroundings(
        namespaces=lists[_NAMESPACES],
        services=[body for each in services for body in lists[each]],
        workloads=[body for each in workloads for body in lists[each]],
        others=[body for each in others for body in lists[each]],
        lists={each: lists[each] for each in more},
    )


def _namespaces(facts: KubernetesFacts) -> list[str]:
    """The namespaces that the intents of a design speak of."""
    names = [getattr(each, field, None) for each in facts.intents for field in ("service", "source")]
    return sorted({service_parts(name, facts.namespace)[0] for name in names if name})
