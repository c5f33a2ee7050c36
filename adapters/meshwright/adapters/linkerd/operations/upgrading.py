"""Bringing Linkerd to another release, and to other certificates.

    upgrade              identify-cluster → certificates → check → namespace → secrets → per chart … → record → tell
    rotate-certificates  identify-cluster → certificates → secrets → tell

Invariant: an issuer is replaced in its secret alone, which the identity controller reads anew while it runs: no proxy
is restarted. An anchor is replaced in steps (values.anchor), and each is refused while a proxy would be cut off by it.
"""

import datetime
from typing import Any

from meshwright.adapters.linkerd import proxies, versions, words
from meshwright.adapters.linkerd.adapter import adapter
from meshwright.adapters.linkerd.installation import charts
from meshwright.adapters.linkerd.installation.charts import InstallSpec
from meshwright.adapters.linkerd.operations.installing import bring, check, check_skew, value_problems
from meshwright.adapters.linkerd.operations.places import Place, outcome
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import listing
from meshwright.core.kit.kubernetes.facts.pods import container_of, ended
from meshwright.core.kit.kubernetes.installing import authorities, certified, failures
from meshwright.core.kit.kubernetes.installing.authorities import Authorities, Authority
from meshwright.core.kit.kubernetes.installing.certified import Change
from meshwright.core.kit.kubernetes.installing.components import merged
from meshwright.core.kit.kubernetes.installing.installation import Installation
from meshwright.schemas.errors import FieldError
from meshwright.schemas.operations import RotateCertificates, UpgradeMesh

_ISSUED_FOR = datetime.timedelta(hours=24)
"""how long a proxy's certificate may be used, as the chart has it"""
_SHOWN = 10


@adapter.operation(UpgradeMesh)
async def upgrade(ctx: kit.Context, arguments: UpgradeMesh) -> dict[str, Any]:
    """Bring Linkerd to another release or other values, or a step towards another trust anchor."""
    place = await Place.open(ctx)
    before = place.record
    if before is None:
        raise failures.no_mesh("Linkerd", ctx.command.mesh)
    spec = spec_of(arguments, before, place.options.version)
    await _check_stage(place, spec)
    authority = await place.authority(staged(spec))
    checked = await check(place, spec, authority, before, upgrade=True)
    record, changes = await bring(place, spec, authority, checked, before)
    await place.write(record)
    await place.tell(record, checked.notes)
    notes = [*checked.notes, *_advice(spec, changes)]
    return outcome(record, authority, notes, changes=changes, unchanged=not changes and not spec.values.anchor)


@adapter.operation(RotateCertificates)
async def rotate(ctx: kit.Context, arguments: RotateCertificates) -> dict[str, Any]:
    """Give Linkerd another issuer, of the same anchor; no proxy is restarted."""
    place = await Place.open(ctx)
    before = place.record
    if before is None:
        raise failures.no_mesh("Linkerd", ctx.command.mesh)
    if before.installer:
        raise failures.adopted("Linkerd", before.namespace, before.installer)
    spec = InstallSpec(version=before.version, namespace=before.namespace, trust_domain=before.trust_domain)

    def renewed(there: Authority | None) -> Authority:
        now = datetime.datetime.now(datetime.UTC)
        return authorities.with_new_issuer(there or authorities.created(spec.names, now), spec.names, now)

    authority = await place.authority(renewed)
    await place.write_secrets(before.namespace)
    await place.tell(before, [])
    return outcome(before, authority, ["proxies get certificates of the new issuer as theirs are renewed"])


def spec_of(arguments: UpgradeMesh, before: Installation, newest: str) -> InstallSpec:
    """What the mesh shall be: as it is, besides what was said. Raises Reject."""
    if before.installer:
        raise failures.adopted("Linkerd", before.namespace, before.installer)
    values = charts.values_of(merged(before.values, arguments.values))
    version = arguments.version or (before.version if values.anchor else newest)
    problems = versions.problems(version) + value_problems(values)
    if arguments.revision:
        problems.append(FieldError(detail="Linkerd has no revisions: leave it out", pointer="#/revision"))
    if problems:
        raise kit.unfit(problems)
    check_skew(before.version, version)
    return InstallSpec(version=version, namespace=before.namespace, trust_domain=before.trust_domain, values=values)


def staged(spec: InstallSpec) -> Change:
    """How the certificates change by an installation or a step towards another anchor."""
    stage = spec.values.anchor
    if not stage:
        return certified.new(spec.names)

    def changed(there: Authority | None) -> Authority:
        now = datetime.datetime.now(datetime.UTC)
        try:
            return authorities.staged(there or authorities.created(spec.names, now), stage, spec.names, now)
        except ValueError as error:
            raise kit.unfit([FieldError(detail=str(error), pointer="#/values/anchor")]) from error

    return changed


async def _check_stage(place: Place, spec: InstallSpec) -> None:
    """Raises Reject where a proxy would be cut off by a step towards another anchor."""
    stage = spec.values.anchor

    async def look() -> list[str]:
        kept = await Authorities.open(place.ctx.runtime)
        authority = await kept.get(place.mesh)
        if authority is None or await kept.written(place.mesh, place.operation):
            return []
        pods = await listing.listed(await place.cluster(), "", "Pod", labels=words.PLANE)
        there = [each for each in pods if container_of(each, words.PROXY) and not ended(each)]
        own = [each for each in there if k8s.namespace_of(each) != spec.namespace]
        return [f"{k8s.namespace_of(each)}/{k8s.name_of(each)}" for each in own if _is_behind(each, authority, stage)]

    if stage in ("switch", "retire"):
        behind: list[str] = await place.ctx.patient_step("look-for-proxies", look, result=list[str])
        if behind:
            what = "do not trust the new anchor" if stage == "switch" else "may have a certificate of the old anchor"
            more = f" and {len(behind) - _SHOWN} more" if len(behind) > _SHOWN else ""
            raise failures.unfit([f"{', '.join(behind[:_SHOWN])}{more} {what}: restart their workloads first"])


def _is_behind(pod: dict[str, Any], authority: Authority, stage: str) -> bool:
    if stage == "switch":
        trusted = k8s.annotations_of(pod).get(words.TRUST_ROOT, "")
        return trusted not in proxies.digests(authority.bundle)
    if datetime.datetime.now(datetime.UTC).timestamp() > authority.switched + _ISSUED_FOR.total_seconds():
        return False
    started = str(k8s.at(pod, "status", "startTime") or "")
    return not started or datetime.datetime.fromisoformat(started).timestamp() < authority.switched


def _advice(spec: InstallSpec, changes: int) -> list[str]:
    """What is to be done after an upgrade."""
    restart = "restart the workloads (meshwright workloads enrol --restart)"
    if spec.values.anchor == "add":
        return [f"{restart}, so that all trust both anchors; then upgrade with anchor: switch"]
    if spec.values.anchor == "switch":
        return [f"{restart}, or wait a day, so that no certificate of the old anchor is left; then say retire"]
    return ["proxies go on with their release until their workloads are restarted"] if changes else []
