"""What is done to a Consul in a cluster, besides designs.

Invariant: a mesh behind Consul's own API is refused by name: there, services join and leave by registering themselves.
"""
