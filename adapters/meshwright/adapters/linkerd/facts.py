"""What translators know of a Linkerd mesh: its control plane, services and workloads, and what stands there already.

Invariant: facts are plain values that tests can write down; nothing here reads a cluster. `observing` makes them of
Kubernetes objects.
"""

from meshwright.adapters.linkerd import words
from meshwright.core.kit.kubernetes.facts import DOMAIN, KubernetesFacts, Workload


class LinkerdFacts(KubernetesFacts, frozen=True, kw_only=True):
    """One Linkerd mesh as it is, and the design that is to be translated. `version` is its minor version."""

    release: str = ""
    """as it was published: edge-26.6.3"""
    plane: str = words.NAMESPACE
    """the namespace of its control plane"""
    cluster_domain: str = DOMAIN
    egress_namespace: str = words.EGRESS_NAMESPACE
    has_egress_namespace: bool = True
    tls_route: str = ""
    """the version under which the cluster serves TLSRoute; empty: it does not"""
    default_policy: str = "all-unauthenticated"
    """whom pods let in where nothing else says it"""
    inbound_policies: dict[str, str] = {}
    """the same of namespaces that say it"""

    def inbound_policy(self, workload: Workload) -> str:
        """Whom the pods of a workload let in where no Server says it."""
        own = workload.annotations.get(words.INBOUND_POLICY)
        return own or self.inbound_policies.get(workload.namespace) or self.default_policy
