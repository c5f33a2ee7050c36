"""Removing Linkerd: enrolment, charts in reverse, secrets, definitions when asked, the namespace.

Invariant: nobody's pods are held up by a webhook that no control plane answers; what stays is told with the reason.
Everything can be taken back but definitions with objects.
"""

from typing import Any

from meshwright.adapters.linkerd import words
from meshwright.adapters.linkerd.adapter import adapter
from meshwright.adapters.linkerd.installation.charts import DEFINITIONS
from meshwright.adapters.linkerd.operations.entitlements import OWN
from meshwright.adapters.linkerd.operations.places import Place
from meshwright.core import kit
from meshwright.core.kit.kubernetes.installing import certified
from meshwright.schemas.operations import UninstallMesh

_REMOVAL = certified.Removal(
    title="Linkerd",
    definitions=DEFINITIONS,
    groups=f".{words.PROFILES}",
    part="annotations",
    mark=words.INJECT,
    marks=words.INJECTED,
    container=words.PROXY,
    entitled=OWN.require_for_removal,
)


@adapter.operation(UninstallMesh)
async def uninstall(ctx: kit.Context, arguments: UninstallMesh) -> dict[str, Any]:
    """Remove Linkerd as Meshwright has installed it; what is kept is told with the reason."""
    return await certified.remove(await Place.open(ctx), _REMOVAL, arguments.definitions)
