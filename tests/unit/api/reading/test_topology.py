"""The graph of a mesh from its workloads."""

import datetime
from typing import Any

from meshwright.schemas.workloads import Workload, workload_id
from meshwright.ui_api.routes.topology import nodes

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def workload(namespace: str, name: str, service: str, **more: Any) -> Workload:
    """A Deployment."""
    return Workload(
        id=workload_id("m", namespace, "deployment", name), mesh="m", connection="c", namespace=namespace,
        kind="deployment", name=name, service=service, observed_at=NOW, **more,
    )  # fmt: skip


def test_services_of_equal_names_are_nodes_of_their_own() -> None:
    """A service is known by its namespace too, and what serves none is no service."""
    result = nodes(
        [
            workload("test", "cart", "cart"),
            workload("shop", "cart-2", "cart", version="v2"),
            workload("shop", "cart-1", "cart", version="v1"),
            workload("shop", "job", ""),
        ]
    )
    assert [(node.id, node.namespace, node.workloads, node.versions) for node in result] == [
        ("shop/cart", "shop", ["cart-1", "cart-2"], ["v1", "v2"]),
        ("test/cart", "test", ["cart"], [""]),
    ]
