"""Mutual TLS, who may call whom, and rate limits: a Server for each port of a service's pods, and what refers to it.

Problem: Linkerd takes one Server for a port of a pod, and as soon as it is there it decides for that port, whatever the
namespace says. Invariant: there is one Server for each port, and it lets in whom the whole design means: nobody but
those who are allowed, everybody with an identity, or, where only a limit needs it, whom the pods let in without it.
"""

from collections.abc import Sequence

from meshwright.adapters.linkerd import words
from meshwright.adapters.linkerd.facts import LinkerdFacts
from meshwright.adapters.linkerd.intents import values
from meshwright.adapters.linkerd.intents.values import Json
from meshwright.core.kit.kubernetes.facts import Service, ServicePort, Workload
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.schemas.base import seconds
from meshwright.schemas.intents import Allow, AnyIntent, DenyAll, MutualTls, RateLimit, Resource

KINDS = (MutualTls, Allow, DenyAll, RateLimit)
_API = f"{words.POLICY}/v1alpha1"
_SERVERS = f"{words.POLICY}/v1beta3"


def server_name(service: Service, port: ServicePort) -> str:
    """The name of the Server of a port."""
    return f"{service.name}-{str(port.target or port.number).lower()}"


def servers(facts: LinkerdFacts, service: Service, intents: Sequence[AnyIntent]) -> list[Resource]:
    """The Servers of a service. Raises CannotExpress."""
    if not service.selector:
        raise CannotExpress(
            f"the service {service} has no selector, so its pods cannot be named",
            "give the service a selector, or write the Server as a resource of the design",
        )
    policy = _access(facts, service, intents)
    return [
        values.resource(
            _SERVERS,
            "Server",
            service.namespace,
            server_name(service, each),
            spec={
                "podSelector": {"matchLabels": dict(sorted(service.selector.items()))},
                "port": each.target or each.number,
                "accessPolicy": policy,
                **({"proxyProtocol": "opaque"} if not each.http else {}),
            },
        )
        for each in _ports(service)
    ]


def allowed(facts: LinkerdFacts, service: Service, allows: Sequence[Allow]) -> list[Resource]:
    """Whoever a design lets in, by identity. Raises CannotExpress."""
    accounts = sorted({account for each in allows for account in _accounts(facts, each)})
    if not accounts:
        return []
    callers = f"{service.name}-{facts.design}-callers"
    refs: list[Json] = [{"kind": "ServiceAccount", "namespace": place, "name": name} for place, name in accounts]
    spec: Json = {"identityRefs": refs}
    made = [values.resource(_API, "MeshTLSAuthentication", service.namespace, callers, spec=spec)]
    for port in _ports(service):
        server = server_name(service, port)
        target = {"group": words.POLICY, "kind": "Server", "name": server}
        required = {"group": words.POLICY, "kind": "MeshTLSAuthentication", "name": callers}
        policy: Json = {"targetRef": target, "requiredAuthenticationRefs": [required]}
        name = f"{server}-{facts.design}-allow"
        made.append(values.resource(_API, "AuthorizationPolicy", service.namespace, name, spec=policy))
    return made


def limits(service: Service, limit: RateLimit) -> list[Resource]:
    """The limit of a service, for each instance and port. Raises CannotExpress."""
    rate = limit.requests / seconds(limit.per)
    if rate < 1 or abs(rate - round(rate)) > 1e-9:
        raise CannotExpress(
            f"Linkerd counts whole requests per second, and {limit.requests} per {limit.per} are {rate:g}",
            "write the limit per second, at least 1",
        )
    if len(service.http_ports) > 1:
        ports = ", ".join(str(each.number) for each in service.http_ports)
        raise CannotExpress(
            f"{service} has several ports for requests ({ports}), and Linkerd would count each by itself",
            "limit a service that has one, or mark the others as opaque",
        )
    return [
        values.resource(
            _API,
            "HTTPLocalRateLimitPolicy",
            service.namespace,
            server_name(service, port),
            spec={
                "targetRef": {"group": words.POLICY, "kind": "Server", "name": server_name(service, port)},
                "total": {"requestsPerSecond": round(rate)},
            },
        )
        for port in service.http_ports
    ]


def _ports(service: Service) -> list[ServicePort]:
    """The ports of a service's pods, each once."""
    return list({each.target or each.number: each for each in service.ports}.values())


def _access(facts: LinkerdFacts, service: Service, intents: Sequence[AnyIntent]) -> str:
    """Whom the Servers of a service let in by themselves."""
    everywhere = [each for each in facts.intents if isinstance(each, DenyAll) and each.service is None]
    if everywhere or any(isinstance(each, Allow | DenyAll) for each in intents):
        return "deny"
    modes = [each.mode for each in intents if isinstance(each, MutualTls)]
    if modes:
        return "all-authenticated" if "strict" in modes else "all-unauthenticated"
    policies = sorted({facts.inbound_policy(each) for each in facts.workloads_of(service)})
    if len(policies) != 1:
        told = ", ".join(policies) or "none, as it has no workloads"
        raise CannotExpress(
            f"a limit needs a Server, which decides whom {service} lets in, and its pods differ in that: {told}",
            "say it with mutual-tls or allow in the same design",
        )
    return policies[0]


def _accounts(facts: LinkerdFacts, allow: Allow) -> list[tuple[str, str]]:
    """The identities of a source: service accounts, each a namespace and a name."""
    if allow.methods or allow.path_prefixes:
        raise CannotExpress(
            "Linkerd tells methods and paths apart by routes of a Server, and a Server with routes answers 404 to all"
            " requests that none of them fits, also to probes",
            "allow the source as a whole, or write the routes as resources of the design",
        )
    source = facts.service(allow.source)
    callers = facts.workloads_of(source) if source else []
    accounts = sorted({(each.namespace, each.service_account) for each in callers})
    if others := _sharing(facts, callers, accounts):
        raise CannotExpress(
            f"{', '.join(others)} run under the same service account as {source}, and Linkerd tells callers apart by"
            " that alone",
            f"give {source} a service account of its own",
        )
    return accounts


def _sharing(facts: LinkerdFacts, callers: list[Workload], accounts: list[tuple[str, str]]) -> list[str]:
    """The workloads that are not meant and have the same identity."""
    known = {(each.namespace, each.kind, each.name) for each in callers}
    return sorted(
        f"{each.namespace}/{each.name}"
        for each in facts.workloads
        if (each.namespace, each.service_account) in accounts and (each.namespace, each.kind, each.name) not in known
    )
