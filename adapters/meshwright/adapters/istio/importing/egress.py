"""Egress control: the Sidecar that closes the mesh, and the ServiceEntries that open it for some hosts.

Invariant: a host is only named by the intent when the entry opens what the intent opens, so nothing else gets out.
"""

from typing import Any

from meshwright.adapters.istio.facts import CLASSIC
from meshwright.adapters.istio.importing import mesh_config
from meshwright.adapters.istio.intents import egress
from meshwright.core.kit.importing import Reading, Surroundings
from meshwright.core.kit.importing.fields import Unexpressed
from meshwright.schemas.intents import AnyIntent, EgressControl

_EVERYTHING: list[dict[str, Any]] = [{"hosts": ["*/*"]}]


def sidecar(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """That the mesh is closed, but for the hosts of entries."""
    spec = reading.spec
    mode, inside = spec.at("outboundTrafficPolicy", "mode"), spec.at("egress")
    if reading.namespace != mesh_config.root(around) or spec.at("workloadSelector"):
        spec.leave("an intent is for the whole mesh, and not for some workloads")
        return []
    if mode.text != "REGISTRY_ONLY" or (inside and inside.value != _EVERYTHING):
        spec.leave("an intent closes the mesh to the outside, and nothing within it")
        return []
    if other := around.claim("egress", ("", ""), reading.ref):
        spec.leave(f"{other} says it already")
        return []
    mode.express()
    inside.express_whole()
    hosts: list[str] = []
    for each in around.manifests.of(CLASSIC, "ServiceEntry"):
        hosts += _opened(Reading(each), around)
    return [EgressControl(hosts=list(dict.fromkeys(hosts)))]


def service_entry(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """An entry says nothing by itself: it is read with the Sidecar that closes the mesh."""
    for pointer in around.said(reading.ref):
        reading.express(pointer)
    if not around.said(reading.ref):
        reading.spec.leave("an intent opens hosts outside of a closed mesh, for HTTP on port 80 and TLS on port 443")
    return []


def _opened(entry: Reading, around: Surroundings) -> list[str]:
    """The hosts of an entry that is like those of the intent; empty when it is none."""
    spec = entry.spec
    try:
        hosts = spec.at("hosts").texts()
        ports = [each.at("protocol").text for each in spec.at("ports").items()]
    except Unexpressed:
        return []
    numbers = [each.at("number").number for each in spec.at("ports").each()]
    fields = {name for name, _ in spec.entries()}
    wanted = {("NONE" if each.startswith("*") else "DNS") for each in hosts}
    is_like = (
        fields == {"hosts", "location", "resolution", "ports"}
        and spec.at("location").text == "MESH_EXTERNAL"
        and wanted == {spec.at("resolution").text}
        and dict(zip(numbers, ports, strict=True)) == {80: "HTTP", 443: "TLS"}
        and not any(each.others("number", "name", "protocol") for each in spec.at("ports").each())
        and all(egress.HOST.fullmatch(each) for each in hosts)
    )
    if not is_like:
        return []
    for key in ("hosts", "location", "resolution"):
        around.say(spec.at(key))
    for each in spec.at("ports").each():
        for key in ("number", "protocol", *(["name"] if each.at("name").text in ("http", "tls") else [])):
            around.say(each.at(key))
    return hosts
