"""The certificates of the proxies of one mesh, as sent over the discovery stream.

Invariant: a proxy keeps its certificate until two thirds of its life, or until the mesh's certificate generation or its
identity changes; requests in between return the same one.
"""

import datetime

import msgspec

from meshwright.adapters.envoy.pki.issuing import Authority, Issued, Issuer
from meshwright.adapters.envoy.resources import names, parts
from meshwright.adapters.envoy.resources.snapshot import TypeSet, resource, type_set
from meshwright.adapters.envoy.state.desired import DesiredState
from meshwright.schemas.workloads import Certificate

_EMPTY = type_set(())


class Secrets(msgspec.Struct, frozen=True):
    """The secrets that a proxy should have; `stage` is the authority's."""

    content: TypeSet = _EMPTY
    stage: str = ""


class MeshSecrets:
    """Issues and caches the certificates of one mesh's proxies, by workload."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self._issuer = Issuer(authority)
        self._issued: dict[str, tuple[int, Issued, TypeSet]] = {}

    def of(self, state: DesiredState, workload: str, now: datetime.datetime) -> TypeSet:
        """The secrets of a workload's proxy; none for a workload that is not enrolled."""
        if workload not in state.workloads:
            self._issued.pop(workload, None)
            return _EMPTY
        generation, spiffe_id = state.certificate_generation, state.spiffe_id(workload)
        cached = self._issued.get(workload)
        if cached and cached[0] == generation and cached[1].facts.spiffe_id == spiffe_id and now < cached[1].renew_at:
            return cached[2]
        issued = self._issuer.issue(spiffe_id, now)
        content = self._resources(issued)
        self._issued[workload] = (generation, issued, content)
        return content

    def facts(self, workload: str) -> Certificate | None:
        """The contents of a workload's certificate, for display."""
        issued = self._issued.get(workload)
        return issued[1].facts if issued else None

    def renewals_due(self, now: datetime.datetime) -> bool:
        """Whether a certificate has passed two thirds of its life."""
        return any(now >= issued.renew_at for _, issued, _ in self._issued.values())

    def drop_overdue(self, now: datetime.datetime) -> None:
        """Drop certificates that were due and that were not requested here: their proxies are gone or elsewhere."""
        self._issued = {name: issued for name, issued in self._issued.items() if now < issued[1].renew_at}

    def _resources(self, issued: Issued) -> TypeSet:
        pair = {
            "certificate_chain": parts.inline(issued.chain),
            "private_key": parts.inline(issued.key),
        }
        bundle = {"trusted_ca": parts.inline(self._issuer.trust_bundle)}
        return type_set(
            [
                resource(names.SECRET, {"name": names.IDENTITY, "tls_certificate": pair}),
                resource(names.SECRET, {"name": names.TRUST_BUNDLE, "validation_context": bundle}),
            ]
        )
