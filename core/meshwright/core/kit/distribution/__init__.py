"""Whether the proxies of a mesh have taken what was applied to it, for every mesh whose control plane tells.

Problem: an API server that has accepted a resource knows nothing of proxies: those get it later, one by one, and may
refuse it. Invariant: an adapter says only what its control planes tell of their proxies; comparing that with what they
told before, waiting, and giving up are written once, here.
"""

from meshwright.core.kit.distribution.judging import Baseline, plain
from meshwright.core.kit.distribution.views import Answer, ControlPlanes, Proxy, Replica, Work
from meshwright.core.kit.distribution.waiting import Waiting, remembered

__all__ = ["Answer", "Baseline", "ControlPlanes", "Proxy", "Replica", "Waiting", "Work", "plain", "remembered"]
