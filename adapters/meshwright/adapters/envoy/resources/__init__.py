"""What proxies receive, as a pure function of the desired state, in the JSON form of xDS.

Invariant: no clock, no randomness, no I/O below this package: equal states give equal resources.
"""
