"""From intents to Istio's resources and back again, on the mesh of Bookinfo."""

from typing import Any

import msgspec

import meshwright.adapters.istio  # noqa: F401 - registers the translators
from meshwright.adapters.istio.adapter import adapter
from meshwright.adapters.istio.importing import importers
from meshwright.core.kit.analysis import from_object
from meshwright.schemas.designs import ImportedDesign
from meshwright.schemas.intents import AnyIntent, Translation
from rig.istio.meshes import bookinfo, designed


def cluster() -> list[dict[str, Any]]:
    """The services and workloads of Bookinfo as objects."""
    facts = bookinfo()
    items = []
    for service in facts.services:
        meta = {"name": service.name, "namespace": service.namespace}
        ports = [{"name": each.name, "port": each.number, "targetPort": each.target} for each in service.ports]
        spec = {"selector": service.selector, "ports": ports}
        items.append({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})
    for each in facts.workloads:
        template = {"metadata": {"labels": each.labels}, "spec": {"serviceAccountName": each.service_account}}
        meta = {"name": each.name, "namespace": each.namespace}
        items.append({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"template": template}})
    return items


def resources(*design: AnyIntent) -> list[dict[str, Any]]:
    """What a design becomes, each resource once."""
    facts = designed(bookinfo(), *design)
    items: list[dict[str, Any]] = []
    for intent in design:
        answer = adapter.translators.translate(intent, facts)
        assert isinstance(answer, Translation), answer
        items += [each.body for each in answer.resources if each.body not in items]
    return items


def imported(bodies: list[dict[str, Any]]) -> ImportedDesign:
    """The design that they are."""
    return importers.run([from_object(each) for each in bodies])


def whole(result: ImportedDesign) -> list[AnyIntent]:
    """The intents of a design with the whole names of services."""
    place = result.design.namespace

    def named(intent: AnyIntent) -> AnyIntent:
        names = {field: getattr(intent, field, None) for field in ("service", "source")}
        short = {field: f"{place}/{name}" for field, name in names.items() if name and "/" not in name}
        return msgspec.structs.replace(intent, **short)

    return [named(each) for each in result.design.intents]
