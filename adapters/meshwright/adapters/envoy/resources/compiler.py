"""Compiling the desired state of a mesh to the snapshot of all its proxies.

Invariant: `compile_mesh` is pure and total: a state that passed validation compiles, every cluster that a route names
is in the same snapshot, and what proxies share is built once.
"""

from meshwright.adapters.envoy.resources import clusters, inbound, names, native, outbound
from meshwright.adapters.envoy.resources.policies import Policy, gather
from meshwright.adapters.envoy.resources.snapshot import (
    ProxySnapshot,
    Resource,
    Snapshot,
    proxy_snapshot,
    resource,
    type_set,
)
from meshwright.adapters.envoy.state import desired
from meshwright.adapters.envoy.state.desired import DesiredState, Member


def compile_mesh(state: DesiredState, only: str | None = None) -> Snapshot:
    """The resources of every proxy of the mesh.

    With `only` a service: those of the proxies of its workloads that concern that service. An intent about the service
    can change nothing else, and this takes a fraction of the time.
    """
    services = state.services()
    callers = {
        service: [member.spec.name for members in versions.values() for member in members]
        for service, versions in services.items()
    }
    if only is not None:
        services = {only: services[only]} if only in services else {}
    policies = gather(list(services), state.intents())
    shared = [
        resource(names.CLUSTER, clusters.of_version(state, service, version, members, policies[service]))
        for service, versions in services.items()
        for version, members in sorted(versions.items())
    ]
    routes = resource(names.ROUTES, outbound.routes(services, policies))
    overlay = native.Overlay(state.native_resources())
    enrolled = inbound.members(state)
    own = {
        service: resource(names.ROUTES, inbound.routes(state, callers, policies[service], enrolled))
        for service in services
    }
    proxies = {}
    for name, member in sorted(state.workloads.items()):
        service = member.spec.service
        if service in services:
            proxies[str(state.node(name))] = _proxy(member, policies[service], shared, [routes, own[service]], overlay)
    return Snapshot(desired.version(state), proxies)


def _proxy(
    member: Member, policy: Policy, shared: list[Resource], routes: list[Resource], overlay: native.Overlay
) -> ProxySnapshot:
    listeners = [
        resource(names.LISTENER, inbound.listener(member, policy)),
        resource(names.LISTENER, outbound.listener(member)),
    ]
    app = resource(names.CLUSTER, clusters.of_app(member))
    return proxy_snapshot(
        {
            names.CLUSTER: type_set(overlay.over(names.CLUSTER, [*shared, app])),
            names.LISTENER: type_set(overlay.over(names.LISTENER, listeners)),
            names.ROUTES: type_set(overlay.over(names.ROUTES, routes)),
        }
    )
