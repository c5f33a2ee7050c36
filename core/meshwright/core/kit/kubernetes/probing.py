"""Trying a connection: who we are in the cluster, its version, and what we may do there.

Invariant: nothing is changed, and the answer comes within seconds also when the cluster does not.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from meshwright.core.kit.connections import OpenConnection
from meshwright.core.kit.kubernetes import errors, rights
from meshwright.core.kit.kubernetes.client import Cluster
from meshwright.core.kit.kubernetes.objects import at
from meshwright.schemas.adapters import AccessRule
from meshwright.schemas.connections import ConnectionTest, Kubernetes
from meshwright.schemas.errors import FieldError

_SECONDS = 8.0
_REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


async def try_connection(connection: OpenConnection[Any], rules: Sequence[AccessRule] = ()) -> ConnectionTest:
    """What an adapter's `@connection_test` answers for a cluster; `rules` are what the adapter has to do there."""
    settings = connection.settings
    assert isinstance(settings, Kubernetes)
    try:
        async with Cluster.open(settings) as cluster:
            return await _tried(cluster, rules)
    except errors.KubernetesError as error:
        pointer = "#/in_cluster" if settings.in_cluster else "#/kubeconfig"
        failure = error.failure
        detail = " ".join(part for part in (f"{failure.what}.", failure.cause, failure.remedy) if part)
        return ConnectionTest(ok=False, problems=[FieldError(detail=detail, pointer=pointer, code=failure.code)])


async def _tried(cluster: Cluster, rules: Sequence[AccessRule]) -> ConnectionTest:
    version = msgspec.json.decode(await cluster.request("GET", "/version", timeout=_SECONDS))
    user = await _user(cluster)
    permissions = await rights.review(cluster, rights.of(rules))
    lacking = [each for each in permissions if not each.allowed]
    return ConnectionTest(
        ok=not lacking,
        identity=str(at(user, "username") or ""),
        version=str(version.get("gitVersion", "")),
        permissions=permissions,
        problems=[FieldError(detail=f"may not {each.action}: {each.because}") for each in lacking],
        details={
            "server": cluster.server,
            "namespace": cluster.namespace,
            "groups": at(user, "groups") or [],
            "platform": version.get("platform", ""),
        },
    )


async def _user(cluster: Cluster) -> Any:
    """Who we are; nothing where the server is too old to say (before 1.28)."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        reply = await cluster.request("POST", _REVIEWS, body=body, timeout=_SECONDS, idempotent=True)
    except (errors.NotFound, errors.Forbidden):
        return {}
    return at(msgspec.json.decode(reply), "status", "userInfo")
