"""How Kuma writes policies, durations, headers and shares, and what it cannot write.

Invariant: a value is the one that was asked for, to the last digit, or `CannotExpress` is raised with the reason.
"""

from typing import Any

from meshwright.adapters.kuma import words
from meshwright.adapters.kuma.facts import KumaFacts
from meshwright.core.kit.kubernetes.facts import Service
from meshwright.core.kit.lifecycle import expressing
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.schemas.intents import HeaderMatch, Resource
from meshwright.schemas.references import ResourceRef

Json = dict[str, Any]


def policy(facts: KumaFacts, kind: str, namespace: str, name: str, spec: Json) -> Resource:
    """A policy of the mesh. Raises CannotExpress."""
    if len(name) > 253:
        raise CannotExpress(f"the name {name} is longer than Kubernetes takes", "give the design a shorter name")
    if facts.universal:
        body = {"type": kind, "mesh": facts.mesh, "name": name, "spec": spec}
        return Resource(ref=ResourceRef(group=words.GROUP, kind=kind, name=name), body=body)
    metadata: Json = {"name": name, "namespace": namespace, "labels": {words.MESH: facts.mesh}}
    return _object(kind, namespace, name, {"metadata": metadata, "spec": spec})


def of_cluster(facts: KumaFacts, kind: str, name: str, spec: Json) -> Resource:
    """A resource of the whole cluster, which names its mesh beside its specification."""
    return _object(kind, "", name, {"metadata": {"name": name}, "mesh": facts.mesh, "spec": spec})


def of_mesh(facts: KumaFacts, kind: str, spec: Json) -> Resource:
    """The policy of a kind that is for all proxies of the mesh."""
    return policy(facts, kind, facts.plane, f"{facts.mesh}-all", {"targetRef": {"kind": "Mesh"}, **spec})


def inbound(facts: KumaFacts, kind: str, service: Service, default: Json) -> Resource:
    """What the proxies of a service's own pods do with whoever calls them. Raises CannotExpress."""
    spec = {"targetRef": facts.own_proxies(service), "rules": [{"default": default}]}
    return policy(facts, kind, service.namespace, service.name, spec)


def outbound(facts: KumaFacts, kind: str, service: Service, default: Json) -> Resource:
    """What the proxies of all callers do when they call a service."""
    to = {"targetRef": facts.destination(service.namespace, service.name), "default": default}
    return policy(facts, kind, service.namespace, service.name, {"to": [to]})


def duration(text: str) -> str:
    """A duration as Kuma has it: a whole number and a unit."""
    count = expressing.milliseconds(text, "Kuma")
    return f"{count // 1000}s" if count % 1000 == 0 else f"{count}ms"


def percentage(share: float) -> int | str:
    """A share of requests, whose decimals stand in text."""
    return int(share) if share == int(share) else str(share)


def header(match: HeaderMatch) -> Json:
    """One comparison of a header in a route. Raises CannotExpress."""
    named: Json = {"name": match.name.lower()}
    for kind, value in (("Exact", match.exact), ("Prefix", match.prefix), ("RegularExpression", match.regex)):
        if value is None:
            continue
        if not value:
            raise CannotExpress("Kuma does not compare a header with the empty text", "say what it is to be")
        return {**named, "type": kind, "value": value}
    raise CannotExpress("a header route needs something to compare the header with")


def _object(kind: str, namespace: str, name: str, content: Json) -> Resource:
    body = {"apiVersion": words.API, "kind": kind, **content}
    return Resource(ref=ResourceRef(group=words.GROUP, kind=kind, namespace=namespace, name=name), body=body)
