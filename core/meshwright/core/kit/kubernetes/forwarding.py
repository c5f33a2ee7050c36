"""Requests to what runs inside a cluster, passed on by its API server.

Problem: a control plane's debug pages and a proxy's statistics answer inside the cluster's network only. Invariant: the
API server's own proxy is used, so it takes no more than the credentials of the connection and the right to
`services/proxy` or `pods/proxy`; a request is bounded in time and ends with an answer or a KubernetesError.
"""

from typing import Literal
from urllib.parse import quote

import msgspec

from meshwright.core.kit.kubernetes.client import Cluster
from meshwright.core.kit.kubernetes.transport import Query
from meshwright.schemas.adapters import AccessRule

TIMEOUT = 10.0
_ANY = "*/*"


class Forwarded(msgspec.Struct, frozen=True):
    """One port of a service, or of a pod, inside a cluster."""

    cluster: Cluster
    kind: Literal["services", "pods"]
    namespace: str
    name: str
    port: str
    """a number, or the name of the port"""
    scheme: Literal["http", "https"] = "http"

    def path(self, path: str) -> str:
        """Where the API server passes a path on to it."""
        scheme = "https:" if self.scheme == "https" else ""
        place = f"{scheme}{quote(self.name, safe='')}:{quote(self.port, safe='')}"
        return f"/api/v1/namespaces/{quote(self.namespace, safe='')}/{self.kind}/{place}/proxy/{path.lstrip('/')}"

    async def get(self, path: str, query: Query | None = None, *, timeout: float = TIMEOUT) -> bytes:
        """What it answers to a GET. Raises NotFound, Unavailable when nothing runs there, KubernetesError."""
        return await self.cluster.request("GET", self.path(path), query=query, accept=_ANY, timeout=timeout)

    async def post(self, path: str, query: Query | None = None, *, timeout: float = TIMEOUT) -> bytes:
        """What it answers to a POST without content, which is sent once. Raises KubernetesError."""
        return await self.cluster.request("POST", self.path(path), query=query, accept=_ANY, timeout=timeout)


def service(
    cluster: Cluster, namespace: str, name: str, port: int | str, *, scheme: Literal["http", "https"] = "http"
) -> Forwarded:
    """A port of a service; any of its ready pods answers."""
    return Forwarded(cluster, "services", namespace, name, str(port), scheme)


def pod(
    cluster: Cluster, namespace: str, name: str, port: int | str, *, scheme: Literal["http", "https"] = "http"
) -> Forwarded:
    """A port of a pod."""
    return Forwarded(cluster, "pods", namespace, name, str(port), scheme)


def rule(*resources: Literal["services", "pods"], namespace: str = "", because: str = "") -> AccessRule:
    """The right that forwarding takes."""
    proxies = [f"{resource}/proxy" for resource in resources]
    return AccessRule(groups=[""], resources=proxies, verbs=["get"], namespace=namespace, because=because)
