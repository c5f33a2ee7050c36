"""What translators of any mesh of Kubernetes know: its services, workloads and versions, and what stands there already.

Invariant: which labels and annotations count, and which resources stand in the way, is an adapter's to know; how
objects are read, which of them are missing and how that is told is the same for all.
"""

from meshwright.core.kit.kubernetes.facts.gathering import Surroundings, surroundings
from meshwright.core.kit.kubernetes.facts.known import (
    DOMAIN,
    Existing,
    KubernetesFacts,
    Mode,
    Service,
    ServicePort,
    Workload,
)
from meshwright.core.kit.kubernetes.facts.members import members
from meshwright.core.kit.kubernetes.facts.problems import not_enrolled, problems, routed_already

__all__ = [
    "DOMAIN",
    "Existing",
    "KubernetesFacts",
    "Mode",
    "Service",
    "ServicePort",
    "Surroundings",
    "Workload",
    "members",
    "not_enrolled",
    "problems",
    "routed_already",
    "surroundings",
]
