"""Until when the certificate authority of a control plane can issue the certificates of its proxies.

Problem: a certificate authority that ends stops every mesh that it serves at once, and nothing says so before. Each
istiod tells the ends of its root and of the certificate with which it issues in its metrics. Invariant: pure functions
of what istiods told; one that tells nothing takes part in nothing.
"""

import datetime
from collections.abc import Iterable

from meshwright.core.kit.traffic.exposition import Exposition, InvalidExposition
from meshwright.schemas.base import Model
from meshwright.schemas.meshes import Condition

PATH = "/metrics"
_ROOT = "citadel_server_root_cert_expiry_timestamp"
_CHAIN = "citadel_server_cert_chain_expiry_timestamp"
_ROOT_SOON = datetime.timedelta(days=30)
_CHAIN_SOON = datetime.timedelta(days=7)
_LATEST = datetime.datetime(9999, 1, 1, tzinfo=datetime.UTC).timestamp()


class Authority(Model, frozen=True, kw_only=True):
    """The certificate authority of one istiod."""

    root_until: datetime.datetime
    chain_until: datetime.datetime
    """the end of the certificate with which it issues; for one that istiod signed for itself, that of the root"""

    @property
    def until(self) -> datetime.datetime:
        """When the first of both ends."""
        return min(self.root_until, self.chain_until)


def authority(metrics: bytes) -> Authority | None:
    """What an istiod tells in its metrics; None when it does not issue certificates, or tells nothing readable."""
    try:
        values = {
            series.name: value for series, value in Exposition([_ROOT, _CHAIN], []).read(metrics).counters.items()
        }
    except InvalidExposition:
        return None
    ends = {name: value for name, value in values.items() if 0 < value < _LATEST}
    if not ends:
        return None
    root = ends.get(_ROOT, ends.get(_CHAIN, 0.0))
    return Authority(root_until=_moment(root), chain_until=_moment(ends.get(_CHAIN, root)))


def condition(authorities: Iterable[Authority], now: datetime.datetime) -> list[Condition]:
    """Whether certificates can be issued for the time to come, by the authority that ends first."""
    known = sorted(authorities, key=lambda each: each.until)
    if not known:
        return []
    first = known[0]
    ends = f"its root ends on {_day(first.root_until)}"
    if first.chain_until != first.root_until:
        ends += f", the certificate with which istiod issues on {_day(first.chain_until)}"
    if first.until <= now:
        return [_wrong("Expired", f"{ends}: proxies whose certificate ends get no new one; {_remedy(first, now)}")]
    if first.root_until - now < _ROOT_SOON or first.chain_until - now < _CHAIN_SOON:
        return [_wrong("ExpiresSoon", f"{ends}; {_remedy(first, now)}")]
    return [Condition(type="AuthorityValid", status="True", reason="AsExpected", message=ends)]


def _remedy(one: Authority, now: datetime.datetime) -> str:
    """Istiod renews what it has signed for itself, at its start at the latest; what was given it, somebody renews."""
    if one.chain_until != one.root_until:
        part = "root" if one.root_until - now < _ROOT_SOON else "intermediate certificate"
        return f"put a new {part} into the secret cacerts beside istiod, and restart istiod"
    return (
        "istiod signed it for itself: restart istiod, which renews it; where the secret cacerts has a root of your own,"
        " put a new one there first"
    )


def _day(moment: datetime.datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def _wrong(reason: str, message: str) -> Condition:
    return Condition(type="AuthorityValid", status="False", reason=reason, message=message[:2000])
