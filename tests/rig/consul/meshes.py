"""Facts of a Consul mesh for tests of translators: `web` calls `reviews` (v1, v2, v3), which call `ratings`."""

from typing import Any

import msgspec

from meshwright.adapters.consul.control_plane.entries import ref_of
from meshwright.adapters.consul.facts import ConsulFacts, Existing, Instance, Service
from meshwright.schemas.intents import AnyIntent


def _service(name: str, *versions: str, upstreams: tuple[str, ...] = ()) -> Service:
    instances = [Instance(id=f"{name}-{each}", meta={"version": each}) for each in versions]
    return Service(name=name, instances=instances, proxies=len(instances), upstreams=list(upstreams))


SERVICES = [
    _service("ratings", "v1"),
    _service("reviews", "v1", "v2", "v3", upstreams=("ratings",)),
    _service("web", "v1", upstreams=("ratings", "reviews")),
]


def mesh(version: str = "1.17.0", **more: Any) -> ConsulFacts:
    """A mesh of a version of which nobody has configured anything."""
    return ConsulFacts(version=version, datacenter="dc1", services=SERVICES, gateways=["ingress"], **more)


def existing(kind: str, name: str, **fields: Any) -> Existing:
    """An entry that somebody else has made."""
    body = {"Kind": kind, "Name": name, **fields}
    return Existing(ref=ref_of(kind, name), owner="somebody else", body=body)


MESHES = {
    "plain": mesh(),
    "http": mesh(existing=[existing("proxy-defaults", "global", Config={"protocol": "http"})]),
    "old": mesh("1.14.11"),
    "older": mesh("1.14.2"),
    "declared": mesh(
        existing=[existing("service-defaults", name, Protocol="http") for name in ("web", "reviews", "ratings")],
        take_over=True,
    ),
    "tcp": mesh(existing=[existing("service-defaults", "reviews", Protocol="tcp")]),
}


def designed(facts: ConsulFacts, *intents: AnyIntent) -> ConsulFacts:
    """The same with the intents of a design."""
    return msgspec.structs.replace(facts, design="canary", intents=list(intents))
