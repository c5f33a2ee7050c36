"""What a mesh has now, for import: in the form that it has in Kubernetes, so that both are read alike."""

from collections.abc import Sequence
from urllib.parse import quote

from meshwright.adapters.kuma import words
from meshwright.adapters.kuma.analysis import KINDS
from meshwright.adapters.kuma.universal import records
from meshwright.adapters.kuma.universal.api import api_of
from meshwright.core import kit
from meshwright.core.kit.analysis import LiveResources, Manifest
from meshwright.core.kit.kubernetes.installing.needs import plural
from meshwright.schemas.references import ResourceRef


async def resources(scope: kit.Scope) -> LiveResources:
    """All resources of the mesh that analyzers look at."""
    return await kinds(scope, KINDS)


async def kinds(scope: kit.Scope, wanted: Sequence[tuple[str, str]]) -> LiveResources:
    """All resources of some kinds."""
    api, mesh = await api_of(scope), await records.name_of(scope)
    found = []
    for group, kind in wanted:
        if group != words.GROUP:
            continue
        for each in await api.every(f"/meshes/{quote(mesh, safe='')}/{plural(kind)}"):
            name = str(each["name"])
            body = {
                "apiVersion": words.API,
                "kind": kind,
                "metadata": {"name": name, "labels": each.get("labels") or {}},
                "spec": each.get("spec") or {},
            }
            found.append(Manifest(ref=ResourceRef(group=group, kind=kind, name=name), body=body))
    return LiveResources(manifests=found)
