"""Whether we may do what is about to be done, asked of the cluster beforehand.

Problem: an operation that finds out in its middle that it lacks a right leaves half of its work. Invariant: the
cluster's own answer counts (SelfSubjectAccessReview), for exactly the verb, resource and namespace; asking changes
nothing.
"""

import asyncio
from collections.abc import Iterable, Sequence
from itertools import product

import msgspec

from meshwright.core.kit.kubernetes import errors
from meshwright.core.kit.kubernetes.client import Cluster
from meshwright.core.kit.kubernetes.objects import at
from meshwright.schemas.adapters import AccessRule
from meshwright.schemas.connections import Permission

_AT_ONCE = 16
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class Right(msgspec.Struct, frozen=True, order=True):
    """One verb on one kind of resource; `namespace` empty: in all of them, or of none."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        what = f"{self.resource}.{self.group}" if self.group else self.resource
        named = f" {self.name}" if self.name else ""
        return f"{self.verb} {what}{named} {f'in namespace {self.namespace}' if self.namespace else 'in the cluster'}"


_EVERYTHING = Right("*", "*", "*")


def of(rules: Iterable[AccessRule]) -> list[Right]:
    """The single rights of some rules."""
    rights = {
        Right(verb, group, resource, rule.namespace, name)
        for rule in rules
        for verb, group, resource, name in product(rule.verbs, rule.groups, rule.resources, rule.names or [""])
    }
    return sorted(rights, key=lambda right: (right.group, right.resource, right.namespace, right.name, right.verb))


async def review(cluster: Cluster, rights: Sequence[Right]) -> list[Permission]:
    """What the cluster says about each of them. Raises KubernetesError."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(right: Right) -> Permission:
        async with slots:
            return await _asked(cluster, right)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(right)) for right in rights]
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None
    return [task.result() for task in tasks]


async def missing(cluster: Cluster, rights: Sequence[Right]) -> list[Permission]:
    """Those of the rights that we lack. Raises KubernetesError."""
    if (await _asked(cluster, _EVERYTHING)).allowed:
        return []
    return [each for each in await review(cluster, rights) if not each.allowed]


async def _asked(cluster: Cluster, right: Right) -> Permission:
    resource, _, subresource = right.resource.partition("/")
    attributes = {"verb": right.verb, "group": right.group, "resource": resource, "subresource": subresource}
    attributes |= {"namespace": right.namespace, "name": right.name}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
    }
    try:
        answer = msgspec.json.decode(await cluster.request("POST", REVIEWS, body=body, idempotent=True))
    except errors.Forbidden as error:  # somebody who may not even ask
        return Permission(action=str(right), allowed=False, because=error.failure.what)
    because = at(answer, "status", "reason") or at(answer, "status", "evaluationError") or ""
    allowed = bool(at(answer, "status", "allowed"))
    return Permission(
        action=str(right), allowed=allowed, because="" if allowed else str(because) or "no role allows it"
    )
