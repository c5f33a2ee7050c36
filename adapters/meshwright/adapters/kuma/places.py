"""What differs by where a Kuma is: in a Kubernetes cluster, or behind its own API without one.

Invariant: each is registered once, for both; the connection of a mesh decides.
"""

from meshwright.adapters.kuma import adopting, live, reading, status, words
from meshwright.adapters.kuma.adapter import adapter
from meshwright.adapters.kuma.universal import live as universal_live
from meshwright.adapters.kuma.universal import reading as universal_reading
from meshwright.adapters.kuma.universal import records
from meshwright.adapters.kuma.universal import status as universal_status
from meshwright.core import kit
from meshwright.core.kit.kubernetes.facts import live as objects
from meshwright.core.kit.kubernetes.installing import adopted
from meshwright.schemas.connections import Kubernetes, Kuma

_status = kit.by_connection({Kubernetes: status.status, Kuma: universal_status.status})
adapter.facts(kit.by_connection({Kubernetes: reading.facts, Kuma: universal_reading.facts}))
adapter.status(_status)
adapter.adopts(
    kit.Adoption(
        detect=kit.by_connection({Kubernetes: adopting.detect, Kuma: universal_status.detect}),
        record=kit.by_connection({Kubernetes: adopting.record, Kuma: records.record}),
        read=kit.by_connection({Kubernetes: adopted.read, Kuma: records.read}),
        write=kit.by_connection({Kubernetes: adopted.write, Kuma: records.write}),
        status=_status,
    )
)
adapter.live_resources(kit.by_connection({Kubernetes: live.resources, Kuma: universal_live.resources}))
adapter.live_kinds(kit.by_connection({Kubernetes: live.kinds, Kuma: universal_live.kinds}))
objects.register(adapter, proxies=frozenset({words.SIDECAR}))
