"""Removing Kuma: enrolment, charts in reverse, secrets, definitions when asked, the namespace.

Invariant: nobody's pods are held up by a webhook that no control plane answers; what stays is told with the reason.
Everything can be taken back but definitions with objects.
"""

from typing import Any

from meshwright.adapters.kuma import words
from meshwright.adapters.kuma.adapter import adapter
from meshwright.adapters.kuma.installation.charts import CHART
from meshwright.adapters.kuma.operations.entitlements import OWN
from meshwright.adapters.kuma.operations.places import Place
from meshwright.core import kit
from meshwright.core.kit.kubernetes.installing import certified
from meshwright.schemas.operations import UninstallMesh

_REMOVAL = certified.Removal(
    title="Kuma",
    definitions=CHART,
    groups=f".{words.GROUP}",
    part="labels",
    mark=words.INJECTION,
    marks=words.INJECTED,
    container=words.SIDECAR,
    entitled=OWN.require_for_removal,
)


@adapter.operation(UninstallMesh)
async def uninstall(ctx: kit.Context, arguments: UninstallMesh) -> dict[str, Any]:
    """Remove Kuma as Meshwright has installed it; what is kept is told with the reason."""
    return await certified.remove(await Place.open(ctx), _REMOVAL, arguments.definitions)
