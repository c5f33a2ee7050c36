"""Mutual TLS and who may call whom: identities, MeshTLS and MeshTrafficPermission.

Problem: as soon as proxies have identities, Kuma refuses every call that no permission allows, and permissions of
several policies add up. Invariant: callers are allowed by their identities alone; a denial is written only where the
design allows nobody, since a denial counts more than whatever anybody allows.
"""

from collections.abc import Sequence

from meshwright.adapters.kuma.facts import PATH, TRUST_DOMAIN, KumaFacts
from meshwright.adapters.kuma.intents import values
from meshwright.adapters.kuma.intents.values import Json
from meshwright.core.kit.kubernetes.facts import Service, Workload
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.schemas.intents import Allow, AnyIntent, DenyAll, MutualTls, Resource

KINDS = (MutualTls, Allow, DenyAll)
_MODES = {"strict": "Strict", "permissive": "Permissive"}


def mutual_tls(facts: KumaFacts, service: Service | None, wish: MutualTls) -> list[Resource]:
    """Whether plain text is taken; for the whole mesh also identities, where there are none. Raises CannotExpress."""
    default = {"mode": _MODES[wish.mode]}
    if service is None:
        if facts.universal:
            _check_secured(facts)
        made = [_identity(facts)] if facts.brings_identity else []
        return [*made, values.of_mesh(facts, "MeshTLS", {"rules": [{"default": default}]})]
    _check_secured(facts)
    return [values.inbound(facts, "MeshTLS", service, default)]


def permissions(facts: KumaFacts, service: Service | None, intents: Sequence[AnyIntent]) -> list[Resource]:
    """Whom a design lets call a service, or any. Raises CannotExpress."""
    _check_secured(facts)
    allows = [each for each in intents if isinstance(each, Allow)]
    if service is None:
        if any(isinstance(each, Allow) for each in facts.intents):
            return []  # what nobody allows Kuma refuses by itself, and a denial would count more than the allowed
        return [values.of_mesh(facts, "MeshTrafficPermission", {"rules": [{"default": _nobody(facts)}]})]
    if not allows:
        return [values.inbound(facts, "MeshTrafficPermission", service, _nobody(facts))]
    callers = sorted({identity for each in allows for identity in _callers(facts, each)})
    allowed = [{"spiffeID": {"type": "Exact", "value": each}} for each in callers]
    return [values.inbound(facts, "MeshTrafficPermission", service, {"allow": allowed})] if allowed else []


def _identity(facts: KumaFacts) -> Resource:
    bundled = {
        "meshTrustCreation": "Enabled",
        "insecureAllowSelfSigned": True,
        "autogenerate": {"enabled": True},
    }
    spec: Json = {
        "selector": {"dataplane": {"matchLabels": {}}},
        "spiffeID": {"trustDomain": TRUST_DOMAIN, "path": PATH},
        "provider": {"type": "Bundled", "bundled": bundled},
    }
    return values.policy(facts, "MeshIdentity", facts.plane, f"{facts.mesh}-all", spec)


def _nobody(facts: KumaFacts) -> Json:
    """Nobody of the mesh; who is of another trust domain is refused until somebody allows it."""
    domains = [f"spiffe://{each}" for each in facts.trust_domains]
    return {"deny": [{"spiffeID": {"type": "Prefix", "value": each}} for each in domains]}


def _check_secured(facts: KumaFacts) -> None:
    if not facts.is_secured:
        raise CannotExpress(
            "the proxies of this mesh have no identities, so Kuma enforces neither permissions nor mutual TLS",
            "give the mesh identities first: Mesh.mtls, or a MeshIdentity"
            if facts.universal
            else "ask for mutual-tls of the whole mesh, in this design or before it",
        )


def _callers(facts: KumaFacts, allow: Allow) -> list[str]:
    """The identities of a source. Raises CannotExpress."""
    if allow.methods or allow.path_prefixes:
        raise CannotExpress(
            "a MeshTrafficPermission tells callers apart, and neither methods nor paths",
            "allow the source as a whole",
        )
    source = facts.service(allow.source)
    if source is None:
        return []
    callers = facts.workloads_of(source)
    identities = {identity for each in callers for identity in facts.spiffe_ids(source, each)}
    if not (facts.goes_by_service or facts.universal) and (others := _sharing(facts, callers)):
        raise CannotExpress(
            f"{', '.join(others)} run under the same service account as {source}, and Kuma tells callers apart by that"
            " alone",
            f"give {source} a service account of its own",
        )
    return sorted(identities)


def _sharing(facts: KumaFacts, callers: Sequence[Workload]) -> list[str]:
    """The workloads that are not meant and have the same identity."""
    accounts = {(each.namespace, each.service_account) for each in callers}
    known = {(each.namespace, each.kind, each.name) for each in callers}
    return sorted(
        f"{each.namespace}/{each.name}"
        for each in facts.workloads
        if (each.namespace, each.service_account) in accounts and (each.namespace, each.kind, each.name) not in known
    )
