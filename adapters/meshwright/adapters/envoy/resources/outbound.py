"""Outbound calls of a workload: one listener on loopback, and one virtual host per service.

Invariant: every route leads to a cluster of the same snapshot, and a service without intents is balanced equally among
its versions. The routes are the same for every caller, so they are encoded once per mesh.
"""

from collections.abc import Iterable

from meshwright.adapters.envoy.resources import names, parts
from meshwright.adapters.envoy.resources.parts import Json
from meshwright.adapters.envoy.resources.policies import Policy
from meshwright.adapters.envoy.state.desired import Member

_FAULT = "envoy.extensions.filters.http.fault.v3.HTTPFault"


def listener(member: Member) -> Json:
    """The listener for calls of a workload, with the service's name as Host."""
    manager = parts.connection_manager(
        stat_prefix=names.OUTBOUND,
        rds={"route_config_name": names.OUTBOUND, "config_source": parts.ads()},
        http_filters=[
            parts.http_filter(names.FAULT_DELAY, _FAULT),
            parts.http_filter(names.FAULT_ABORT, _FAULT),
            parts.router(),
        ],
    )
    return {
        "name": names.OUTBOUND,
        **parts.listening("127.0.0.1", member.ports.outbound),
        "filter_chains": [{"filters": [manager]}],
    }


def routes(services: dict[str, dict[str, list[Member]]], policies: dict[str, Policy]) -> Json:
    """The routes to all services, and a plain response for other hosts."""
    hosts = [_virtual_host(name, list(versions), policies[name]) for name, versions in services.items()]
    return {
        "name": names.OUTBOUND,
        "ignore_port_in_host_matching": True,
        "virtual_hosts": [*hosts, _no_such_service()],
    }


def _virtual_host(service: str, versions: list[str], policy: Policy) -> Json:
    common = _common(service, versions, policy)
    rules = [
        _route(names.cluster(service, each.version), common, headers=[parts.header(each.header)])
        for each in policy.header_routes
        if each.version in versions
    ]
    body: Json = {
        "name": service,
        "domains": [service],
        "routes": [*rules, _shared_route(service, versions, policy, common)],
    }
    faults = _faults(policy)
    if faults:
        body["typed_per_filter_config"] = faults
    return body


def _common(service: str, versions: list[str], policy: Policy) -> Json:
    """The settings of every route of a service, whichever version it leads to."""
    action: Json = {"timeout": parts.duration(policy.timeout.timeout) if policy.timeout else "0s"}
    if policy.retry:
        action["retry_policy"] = {
            "retry_on": ",".join(policy.retry.retry_on),
            "num_retries": policy.retry.attempts,
        }
        if policy.retry.per_try_timeout:
            action["retry_policy"]["per_try_timeout"] = parts.duration(policy.retry.per_try_timeout)
    mirrors = [
        {"cluster": names.cluster(service, each.version), "runtime_fraction": parts.share(each.percent)}
        for each in policy.mirrors
        if each.version in versions
    ]
    if mirrors:
        action["request_mirror_policies"] = mirrors
    if policy.balancing and policy.balancing.hash_header:
        action["hash_policy"] = [{"header": {"header_name": policy.balancing.hash_header}}]
    return action


def _route(cluster: str, common: Json, headers: Iterable[Json] = ()) -> Json:
    return {"match": _match(headers), "route": {"cluster": cluster, **common}}


def _shared_route(service: str, versions: list[str], policy: Policy, common: Json) -> Json:
    shares = _shares(versions, policy)
    if len(shares) == 1:
        return _route(names.cluster(service, next(iter(shares))), common)
    weighted = [{"name": names.cluster(service, version), "weight": weight} for version, weight in shares.items()]
    return {"match": _match(()), "route": {"weighted_clusters": {"clusters": weighted}, **common}}


def _shares(versions: list[str], policy: Policy) -> dict[str, int]:
    """The weight of each version; versions that do not exist or have no share are omitted."""
    if policy.split:
        asked = {each.version: each.weight for each in policy.split.backends if each.version in versions}
        shares = {version: weight for version, weight in asked.items() if weight > 0}
        if shares:
            return shares
    return dict.fromkeys(versions, 1)


def _match(headers: Iterable[Json]) -> Json:
    wanted = list(headers)
    return {"prefix": "/", "headers": wanted} if wanted else {"prefix": "/"}


def _faults(policy: Policy) -> Json:
    faults: Json = {}
    if policy.delay:
        delay = {
            "fixed_delay": parts.duration(policy.delay.delay),
            "percentage": parts.percentage(policy.delay.percent),
        }
        only = {"headers": [parts.header(policy.delay.header)]} if policy.delay.header else {}
        faults[names.FAULT_DELAY] = parts.typed(_FAULT, delay=delay, **only)
    if policy.abort:
        abort = {"http_status": policy.abort.status, "percentage": parts.percentage(policy.abort.percent)}
        only = {"headers": [parts.header(policy.abort.header)]} if policy.abort.header else {}
        faults[names.FAULT_ABORT] = parts.typed(_FAULT, abort=abort, **only)
    return faults


def _no_such_service() -> Json:
    words = "meshwright: the Host header names no service of this mesh\n"
    answer = {"status": 404, "body": {"inline_string": words}}
    return {
        "name": "no-such-service",
        "domains": ["*"],
        "routes": [{"match": {"prefix": "/"}, "direct_response": answer}],
    }
