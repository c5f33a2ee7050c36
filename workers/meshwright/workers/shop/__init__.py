"""The demo shop: eight small services, one of them in three versions, that communicate only through their sidecars.

Invariant: a service knows its own port and its sidecar's outbound port, and no address of another service; the mesh
decides which workload a request reaches, and every response names the workload that answered.
"""
