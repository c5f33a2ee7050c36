"""The resources of proxies, as a pure function of the desired state, in the JSON form of xDS.

Invariant: no clock, no randomness, no I/O in this package: equal states give equal resources.
"""
