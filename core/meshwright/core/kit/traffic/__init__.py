"""Who asks whom in a mesh, how often and how well, from the statistics of its proxies.

Invariant: nothing here knows a mesh. An adapter says which metrics its proxies have and what they mean (`Statistics`)
and where the proxies are; reading, comparing, merging and publishing are the same for all.
"""

from meshwright.core.kit.traffic.meanings import (
    UNKNOWN,
    EdgeKey,
    Meaning,
    Place,
    Quantity,
    Reporter,
    Statistics,
    edge_key,
)
from meshwright.core.kit.traffic.measuring import Measuring, Traffic
from meshwright.core.kit.traffic.proxies import Proxy

__all__ = [
    "UNKNOWN",
    "EdgeKey",
    "Meaning",
    "Measuring",
    "Place",
    "Proxy",
    "Quantity",
    "Reporter",
    "Statistics",
    "Traffic",
    "edge_key",
]
