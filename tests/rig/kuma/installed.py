"""Kuma's real definitions and its rendered installation in a test's cluster.

Problem: Kuma's control plane is no package, so none works here. Invariant: what is in the cluster is what its chart
renders, but its webhooks, which are called for no object; kwok says that its pod runs, nobody injects proxies, and
what its webhooks would say is not claimed.
"""

import time
from typing import Any, Self

from rig.kuma import schemas
from testbed.cluster import KubernetesServer
from testbed.objects import Objects, in_order

NAMESPACE = "kuma-system"
_READY_S = 60.0


class Installed:
    """An installation; use as `with Installed(server)`."""

    def __init__(self, server: KubernetesServer, version: str = "3.0") -> None:
        self._server = server
        labels = {"kuma.io/system-namespace": "true"}
        place = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}
        self._definitions = list(schemas.definitions(version))
        self._objects: list[dict[str, Any]] = in_order([place, *schemas.unanswered()])

    def __enter__(self) -> Self:
        with self._server.client() as client:
            objects = Objects(client)
            objects.apply(*self._definitions)
            self._await(lambda: all(_established(objects.get(each)) for each in self._definitions))
            objects.apply(*self._objects)
            deployments = [each for each in self._objects if each["kind"] == "Deployment"]
            self._await(lambda: all(_available(objects.get(each)) for each in deployments))
        return self

    def __exit__(self, *_: object) -> None:
        with self._server.client() as client:
            objects = Objects(client)
            objects.delete(*reversed(self._objects), *self._definitions)
            objects.await_gone(*(each for each in self._objects if each["kind"] == "Namespace"), *self._definitions)

    def _await(self, done: Any) -> None:
        deadline = time.monotonic() + _READY_S
        while not done():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the rendered installation is not there after {_READY_S:g} s")
            time.sleep(0.1)


def _established(definition: dict[str, Any] | None) -> bool:
    conditions = ((definition or {}).get("status") or {}).get("conditions") or []
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def _available(deployment: dict[str, Any] | None) -> bool:
    return bool(deployment and (deployment.get("status") or {}).get("availableReplicas"))
