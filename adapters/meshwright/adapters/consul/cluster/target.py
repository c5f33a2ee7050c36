"""Where the resources of a Consul in a cluster live: objects of its kinds, which a controller takes to its servers.

Invariant: a design counts as taken when the controller says of each of its entries that the servers have it (`Synced`);
an entry that they refuse may build on one that comes a moment later, so it is waited for, and then told with the
controller's words.
"""

from meshwright.adapters.consul.cluster.coats import CONFIG_KINDS
from meshwright.adapters.consul.cluster.words import GROUP
from meshwright.adapters.consul.control_plane.entries import KINDS
from meshwright.core.kit.kubernetes import KubernetesTarget, Verdict, at
from meshwright.core.kit.kubernetes.objects import Body
from meshwright.schemas.references import ResourceRef


class ClusterTarget(KubernetesTarget):
    """The objects of one Consul."""

    ready_within = 60.0

    def verdict(self, body: Body) -> Verdict:
        """Whether the servers have an entry; where nobody has said anything of it yet, that it is there counts."""
        if str(body.get("apiVersion", "")).startswith(f"{GROUP}/"):
            for each in at(body, "status", "conditions") or []:
                if each.get("type") == "Synced" and each.get("status") == "False":
                    return Verdict("waiting", f"Consul does not take it: {each.get('message') or each.get('reason')}")
        return super().verdict(body)

    def order(self, ref: ResourceRef) -> int:
        """Entries in the order in which they build on each other: protocols before splits."""
        return KINDS.index(CONFIG_KINDS[ref.kind]) if ref.group == GROUP and ref.kind in CONFIG_KINDS else len(KINDS)
