"""Which native resources a design may contain: an allow-list, checked on the whole message tree.

Problem: the configuration of a proxy is code: it can read files, run scripts, and open any port or connection of its
host. Invariant: what is not listed in `allowed` is refused, at any depth, whatever its spelling; a refused resource
reaches no proxy, also when it was stored before the list refused it.
"""
