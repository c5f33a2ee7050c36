"""Mutual TLS and who may call whom: PeerAuthentication and AuthorizationPolicy.

Problem: with sidecars a policy stands before the workload; in ambient ztunnel knows identities alone, and methods and
paths only the waypoint. Invariant: whoever is not allowed is refused on every way, also past the waypoint.
"""

from collections.abc import Sequence

from meshwright.adapters.istio.facts import SECURITY, IstioFacts
from meshwright.adapters.istio.intents import values
from meshwright.adapters.istio.intents.values import Json
from meshwright.core.kit.kubernetes.facts import Service, Workload
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.schemas.intents import Allow, MutualTls, Resource

TEMPLATES = ("{*}", "{**}")
"""what stands for a segment of a path, or several"""


def peer_authentication(facts: IstioFacts, intent: MutualTls, service: Service | None) -> Resource:
    """Whether plain text is refused, by the whole mesh or one service. Raises CannotExpress."""
    spec: Json = {"mtls": {"mode": intent.mode.upper()}}
    if service is None:
        return values.resource(SECURITY, "v1", "PeerAuthentication", facts.root, "default", spec)
    spec = {"selector": selector(service), **spec}
    return values.resource(SECURITY, "v1", "PeerAuthentication", service.namespace, service.name, spec)


def deny_all(facts: IstioFacts, service: Service | None) -> Resource:
    """A policy that allows nothing: only what others allow passes. Raises CannotExpress."""
    if service is None:
        return values.resource(SECURITY, "v1", "AuthorizationPolicy", facts.root, "deny-all", {})
    name = values.object_name(service.name, "deny-all")
    return values.resource(
        SECURITY, "v1", "AuthorizationPolicy", service.namespace, name, {"selector": selector(service)}
    )


def allows(facts: IstioFacts, service: Service, intents: Sequence[Allow]) -> list[Resource]:
    """Who of a design may call a service, and nobody else. Raises CannotExpress."""
    rules = [rule for each in intents if (rule := _rule(facts, each)) is not None]
    name = values.object_name(service.name, facts.design, "allow")
    waypoint = facts.waypoint_of(service)
    if facts.mode_of(service) != "ambient" or waypoint is None:
        needs_requests = any(each.methods or each.path_prefixes for each in intents)
        if facts.mode_of(service) == "ambient" and needs_requests:
            raise CannotExpress(
                f"{service} is enrolled in ambient without a waypoint, so nobody sees methods and paths",
                f"give it a waypoint: istioctl waypoint apply -n {service.namespace} --enroll-namespace",
            )
        spec: Json = {"selector": selector(service), "action": "ALLOW", "rules": rules}
        return [values.resource(SECURITY, "v1", "AuthorizationPolicy", service.namespace, name, spec)]
    target = {"kind": "Service", "group": "", "name": service.name}
    at_waypoint: Json = {"targetRefs": [target], "action": "ALLOW", "rules": rules}
    identity = values.principals(facts, [(waypoint.namespace, waypoint.service_account)])
    through: Json = {
        "selector": selector(service),
        "action": "ALLOW",
        "rules": [{"from": [{"source": {"principals": identity}}]}],
    }
    bypass = values.object_name(service.name, "waypoint")
    return [
        values.resource(SECURITY, "v1", "AuthorizationPolicy", service.namespace, name, at_waypoint),
        values.resource(SECURITY, "v1", "AuthorizationPolicy", service.namespace, bypass, through),
    ]


def selector(service: Service) -> Json:
    """The workloads of a service, as policies select them."""
    if not service.selector:
        raise CannotExpress(
            f"the service {service} has no selector, so its workloads cannot be named",
            "give the service a selector, or write the policy for its workloads as a resource of the design",
        )
    return {"matchLabels": dict(sorted(service.selector.items()))}


def _rule(facts: IstioFacts, allow: Allow) -> Json | None:
    source = facts.service(allow.source)
    if source is None:
        return None
    callers = facts.workloads_of(source)
    accounts = sorted({(each.namespace, each.service_account) for each in callers})
    if not accounts:
        return None
    if others := _sharing(facts, callers, accounts):
        raise CannotExpress(
            f"{', '.join(others)} run under the same service account as {source}, and Istio tells callers apart by that"
            " alone",
            f"give {source} a service account of its own",
        )
    rule: Json = {"from": [{"source": {"principals": values.principals(facts, accounts)}}]}
    operation: Json = {}
    if allow.methods:
        operation["methods"] = list(dict.fromkeys(allow.methods))
    if allow.path_prefixes:
        operation["paths"] = [_path(each) for each in dict.fromkeys(allow.path_prefixes)]
    return {**rule, "to": [{"operation": operation}]} if operation else rule


def _path(prefix: str) -> str:
    if any(each in prefix for each in TEMPLATES):
        raise CannotExpress(f"Istio takes {prefix} for a template of paths, not for a prefix", "write a shorter prefix")
    return f"{prefix}*"


def _sharing(facts: IstioFacts, callers: list[Workload], accounts: list[tuple[str, str]]) -> list[str]:
    """The workloads that are not meant and have the same identity."""
    known = {(each.namespace, each.kind, each.name) for each in callers}
    return sorted(
        f"{each.namespace}/{each.name}"
        for each in facts.workloads
        if (each.namespace, each.service_account) in accounts and (each.namespace, each.kind, each.name) not in known
    )
