"""The proxies of an Istio mesh: who is connected to which istiod, and what each has taken of its configuration.

Invariant: what a proxy acknowledged is told by istiod alone, what it stands beside by the cluster alone.
"""
