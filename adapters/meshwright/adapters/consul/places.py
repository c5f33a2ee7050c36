"""What differs by where a Consul is: in a Kubernetes cluster, or behind its own API without one.

Invariant: each is registered once, for both; the connection of a mesh decides.
"""

from meshwright.adapters.consul import adopting, live, reading, status
from meshwright.adapters.consul.adapter import adapter
from meshwright.adapters.consul.cluster import adopting as cluster_adopting
from meshwright.adapters.consul.cluster import live as cluster_live
from meshwright.adapters.consul.cluster import reading as cluster_reading
from meshwright.adapters.consul.cluster import status as cluster_status
from meshwright.adapters.consul.cluster import words
from meshwright.core import kit
from meshwright.core.kit.kubernetes.facts import live as objects
from meshwright.core.kit.kubernetes.installing import adopted
from meshwright.schemas.connections import Consul, Kubernetes

_status = kit.by_connection({Consul: status.status, Kubernetes: cluster_status.status})
adapter.facts(kit.by_connection({Consul: reading.facts, Kubernetes: cluster_reading.facts}))
adapter.status(_status)
adapter.adopts(
    kit.Adoption(
        detect=kit.by_connection({Consul: adopting.detect, Kubernetes: cluster_adopting.detect}),
        record=kit.by_connection({Consul: adopting.record, Kubernetes: cluster_adopting.record}),
        read=kit.by_connection({Consul: adopting.read, Kubernetes: adopted.read}),
        write=kit.by_connection({Consul: adopting.write, Kubernetes: adopted.write}),
        status=_status,
    )
)
adapter.live_resources(kit.by_connection({Consul: live.resources, Kubernetes: cluster_live.resources}))
adapter.live_kinds(kit.by_connection({Consul: live.kinds, Kubernetes: cluster_live.kinds}))
objects.register(adapter, proxies=frozenset({words.PROXY}))
