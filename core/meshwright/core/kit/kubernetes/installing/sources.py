"""Where the charts of an operation come from.

Problem: who may ask for an operation is not who runs the worker, and a location of charts is a path of its host or a
URL that it will call. Invariant: a path is taken only below the folder that the worker's setting names, links followed;
a repository is taken by https, or as the worker's own setting has it.
"""

import asyncio
from pathlib import Path

import msgspec

from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.installing.components import Source
from meshwright.core.kit.security import ssrf
from meshwright.schemas.errors import FieldError

_POINTER = "#/values/charts"


class ChartOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker of an adapter that installs charts is told by its environment."""

    charts: str = ""
    """where charts come from unless an operation says: a folder on this host, a repository or an OCI registry"""
    chart_folders: str = ""
    """the folder on this host below which operations may name charts of their own; empty: they may not"""
    chart_hosts: str = ""
    """networks and hosts that operations may fetch charts from besides the public internet, as in 10.0.0.0/8,host"""


async def source(
    cluster: k8s.Cluster, options: ChartOptions, asked: str, version: str, chart_version: str = ""
) -> Source:
    """The charts of a version, as this cluster renders them.

    Raises Reject when the worker does not take them from there, KubernetesError.
    """
    chosen = await anywhere(options, asked, version, chart_version)
    served = await cluster.discovery.all()
    return msgspec.structs.replace(
        chosen,
        kube_version=await cluster.version(),
        api_versions=sorted(
            {name for each in served for name in (each.api_version, f"{each.api_version}/{each.kind}")}
        ),
    )


async def anywhere(options: ChartOptions, asked: str, version: str, chart_version: str = "") -> Source:
    """The charts of a version, from where was asked or from where the worker's setting says, for no cluster.

    Raises Reject when the worker does not take them from there.
    """
    location = asked or options.charts
    if asked and asked != options.charts:
        await check(location, options)
    return Source(location=location, version=version, chart_version=chart_version)


async def check(location: str, options: ChartOptions) -> None:
    """Raises Reject when an operation may not name this place."""
    try:
        if "://" in location:
            await _check_url(location, options.chart_hosts)
        else:
            await asyncio.to_thread(_check_folder, location, options.chart_folders)
    except ssrf.Forbidden as error:
        raise kit.unfit([FieldError(detail=f"{location}: {error}", pointer=_POINTER)]) from error


async def _check_url(location: str, allowed: str) -> None:
    scheme, _, rest = location.partition("://")
    if scheme not in ("https", "oci"):
        raise ssrf.Forbidden("charts are fetched from https:// or oci:// only")
    policy = ssrf.policy(allowed)
    await ssrf.admit(ssrf.parse(f"https://{rest}", policy), policy, ssrf.system_resolver)


def _check_folder(location: str, allowed: str) -> None:
    path = Path(location)
    if not path.is_absolute():
        raise ssrf.Forbidden("name the whole path of a folder on the worker's host")
    if not allowed:
        raise ssrf.Forbidden("this worker takes no charts from its host (its setting CHART_FOLDERS allows it)")
    if not path.resolve().is_relative_to(Path(allowed).resolve()):
        raise ssrf.Forbidden(f"this worker takes charts from below {allowed} only (its setting CHART_FOLDERS)")
