"""What a mesh has now, for its analysis and for import."""

from collections.abc import Sequence

from meshwright.adapters.consul.control_plane.api import api_of
from meshwright.adapters.consul.control_plane.entries import KINDS, ConfigEntries
from meshwright.adapters.consul.control_plane.registry import registered, services_of
from meshwright.adapters.consul.importing.manifests import of_entry, of_services
from meshwright.core import kit
from meshwright.core.kit.analysis import LiveResources


async def resources(scope: kit.Scope) -> LiveResources:
    """All config entries and services."""
    api = await api_of(scope)
    entries = ConfigEntries(api)
    found = [of_entry(ref, entry) for kind in KINDS for ref, entry in (await entries.every(kind)).items()]
    return LiveResources(manifests=[*found, *of_services(services_of(await registered(api)))])


async def kinds(scope: kit.Scope, wanted: Sequence[tuple[str, str]]) -> LiveResources:
    """The same, of these kinds."""
    everything = (await resources(scope)).manifests
    return LiveResources(manifests=[each for each in everything if (each.ref.group, each.ref.kind) in set(wanted)])
