"""A mesh's real definitions and its rendered installation in a test's cluster.

Problem: some control planes are no packages, so none works here. Invariant: what is in the cluster is what the chart
renders; kwok says that its pods run, nobody injects proxies, and what its webhooks would say is not claimed.
"""

import time
from collections.abc import Iterable
from typing import Any, Self

from testbed.cluster import KubernetesServer
from testbed.objects import Objects, in_order

_READY_S = 60.0
_WORKLOADS = {"Deployment": "availableReplicas", "StatefulSet": "availableReplicas"}


class Rendered:
    """An installation; use as `with Rendered(…)`."""

    def __init__(
        self,
        server: KubernetesServer,
        namespace: str,
        definitions: Iterable[dict[str, Any]],
        objects: Iterable[dict[str, Any]],
    ) -> None:
        self._server = server
        place = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        self._definitions = list(definitions)
        self._objects: list[dict[str, Any]] = in_order([place, *objects])

    def __enter__(self) -> Self:
        with self._server.client() as client:
            objects = Objects(client)
            objects.apply(*self._definitions, *self._objects)
            workloads = [each for each in self._objects if each["kind"] in _WORKLOADS]
            deadline = time.monotonic() + _READY_S
            while not all(_available(objects.get(each)) for each in workloads):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the rendered installation is not available after {_READY_S:g} s")
                time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        with self._server.client() as client:
            objects = Objects(client)
            objects.delete(*reversed(self._objects), *self._definitions)
            objects.await_gone(*(each for each in self._objects if each["kind"] == "Namespace"))


def _available(workload: dict[str, Any] | None) -> bool:
    return bool(workload and (workload.get("status") or {}).get(_WORKLOADS[workload["kind"]]))
