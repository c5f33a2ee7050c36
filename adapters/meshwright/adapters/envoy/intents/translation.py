"""Translating one intent to native resources.

Invariant: a translation is the difference that the intent makes to the compiled resources, never a second description
of it, so a preview shows what proxies receive.
"""

import msgspec

from meshwright.adapters.envoy.adapter import adapter
from meshwright.adapters.envoy.resources import compiler, diffs
from meshwright.adapters.envoy.state import validation
from meshwright.adapters.envoy.state.desired import AppliedDesign, DesiredState
from meshwright.adapters.envoy.target import EnvoyFacts
from meshwright.schemas.intents import (
    AccessLog,
    Allow,
    AnyIntent,
    CircuitBreaker,
    DenyAll,
    EgressControl,
    FaultAbort,
    FaultDelay,
    HeaderRoute,
    Ingress,
    LoadBalancing,
    Mirror,
    MutualTls,
    RateLimit,
    Retry,
    Timeout,
    TrafficSplit,
    Translation,
    intent_kind,
)

_SUPPORTED: tuple[type[AnyIntent], ...] = (
    MutualTls, TrafficSplit, HeaderRoute, Mirror, Retry, Timeout, FaultDelay, FaultAbort, RateLimit,
    CircuitBreaker, Allow, DenyAll, AccessLog, LoadBalancing,
)  # fmt: skip
_SINCE = "1.30"
_THIS_ONE = "~"


def translate(intent: AnyIntent, state: DesiredState) -> Translation:
    """The effect of `intent` on a mesh, which may already contain it."""
    without = _without(state, intent)
    alone = AppliedDesign(revision=0, intents=[intent])
    with_it = msgspec.structs.replace(without, designs={**without.designs, _THIS_ONE: alone})
    service = getattr(intent, "service", None)
    resources = diffs.caused(compiler.compile_mesh(without, service), compiler.compile_mesh(with_it, service))
    notes = [] if resources else validation.missing(state, intent) or ["the proxies behave like this already"]
    return Translation(intent=intent_kind(intent), resources=resources, notes=notes)


def _without(facts: DesiredState, intent: AnyIntent) -> DesiredState:
    designs = {
        name: msgspec.structs.replace(applied, intents=[each for each in applied.intents if each != intent])
        for name, applied in facts.designs.items()
    }
    return msgspec.structs.replace(facts, designs=designs)


def _translated(intent: AnyIntent, facts: EnvoyFacts) -> Translation:
    return translate(intent, facts.state)


for _kind in _SUPPORTED:
    adapter.intent(_kind, since=_SINCE)(_translated)
adapter.unsupported(
    EgressControl,
    because="sidecars carry only calls to services of the mesh; workloads reach other hosts without them",
    instead="restrict outgoing connections with the host's firewall",
)
adapter.unsupported(
    Ingress,
    because="this mesh has sidecars but no gateway",
    instead="send requests to the outbound port of any sidecar, with the service's name as Host",
)
