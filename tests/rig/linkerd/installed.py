"""Linkerd's real definitions and its rendered installation in a test's cluster.

Problem: Linkerd's control plane is no package, so none works here. Invariant: what is in the cluster is what its chart
renders; kwok says that its pods run, nobody injects proxies, and what its webhooks would say is not claimed.
"""

import time
from typing import Any, Self

from rig.istio.schemas import documents
from rig.linkerd.schemas import FOLDERS, installed
from testbed.cluster import KubernetesServer
from testbed.objects import Objects, in_order

NAMESPACE = "linkerd"
_READY_S = 60.0


class Installed:
    """An installation; use as `with Installed(server)`."""

    def __init__(self, server: KubernetesServer) -> None:
        self._server = server
        place = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        self._definitions = list(documents(*FOLDERS))
        self._objects: list[dict[str, Any]] = in_order([place, *installed()])

    def __enter__(self) -> Self:
        with self._server.client() as client:
            objects = Objects(client)
            objects.apply(*self._definitions, *self._objects)
            deployments = [each for each in self._objects if each["kind"] == "Deployment"]
            deadline = time.monotonic() + _READY_S
            while not all(_available(objects.get(each)) for each in deployments):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the rendered installation is not available after {_READY_S:g} s")
                time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        with self._server.client() as client:
            objects = Objects(client)
            objects.delete(*reversed(self._objects), *self._definitions)
            objects.await_gone(*(each for each in self._objects if each["kind"] == "Namespace"))


def _available(deployment: dict[str, Any] | None) -> bool:
    return bool(deployment and (deployment.get("status") or {}).get("availableReplicas"))
