"""Where the charts of an operation come from.

Problem: who may ask for an operation is not who runs the worker, and a location of charts is a path of its host or a
URL that it will call. Invariant: a path is taken only below the folder that the worker's setting names, links followed;
a repository is taken by https, or as the worker's own setting has it.
"""

import asyncio
from pathlib import Path

from meshwright.adapters.istio.charts.components import Source
from meshwright.adapters.istio.charts.profiles import InstallSpec
from meshwright.adapters.istio.options import Options
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.security import ssrf
from meshwright.schemas.errors import FieldError

_POINTER = "#/values/charts"


async def source(cluster: k8s.Cluster, options: Options, spec: InstallSpec) -> Source:
    """The charts for a spec. Raises Reject when the worker does not take them from there."""
    location = spec.values.charts or options.charts
    if spec.values.charts and spec.values.charts != options.charts:
        await _check(location, options)
    served = await cluster.discovery.all()
    return Source(
        location=location,
        version=spec.version,
        kube_version=await cluster.version(),
        api_versions=sorted(
            {name for each in served for name in (each.api_version, f"{each.api_version}/{each.kind}")}
        ),
    )


async def _check(location: str, options: Options) -> None:
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
        raise ssrf.Forbidden("this worker takes no charts from its host (MESHWRIGHT_ISTIO_CHART_FOLDERS allows it)")
    if not path.resolve().is_relative_to(Path(allowed).resolve()):
        raise ssrf.Forbidden(f"this worker takes charts from below {allowed} only (MESHWRIGHT_ISTIO_CHART_FOLDERS)")
