"""The sample application as facts of a mesh, and what designs on it become."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from meshwright.core import kit
from meshwright.core.kit.kubernetes.facts import KubernetesFacts, Mode, Service, ServicePort, Workload
from meshwright.schemas.intents import AnyIntent, Translation, Unsupported

F = TypeVar("F", bound=KubernetesFacts)
NAMESPACE = "shop"
VERSIONS: Mapping[str, Sequence[str]] = {
    "details": ["v1"], "ratings": ["v1"], "reviews": ["v1", "v2", "v3"], "productpage": ["v1"],
}  # fmt: skip


def services(namespace: str = NAMESPACE, names: Sequence[str] = (*VERSIONS,), **labels: str) -> list[Service]:
    """Its services."""
    port = ServicePort(number=9080, name="http", target=9080, container=9080)
    return [
        Service(namespace=namespace, name=name, ports=[port], selector={"app": name}, labels=labels) for name in names
    ]


def workloads(
    namespace: str = NAMESPACE, mode: Mode = "sidecar", versions: Mapping[str, Sequence[str]] = VERSIONS
) -> list[Workload]:
    """Its workloads, each a version of a service."""
    return [
        Workload(
            namespace=namespace,
            name=f"{name}-{version}",
            labels={"app": name, "version": version},
            service_account=f"bookinfo-{name}",
            mode=mode,
        )
        for name in versions
        for version in versions[name]
    ]


def designed(facts: F, *intents: AnyIntent) -> F:
    """The same mesh with a design of these intents."""
    return msgspec.structs.replace(facts, intents=list(intents))


def translated(adapter: kit.Adapter, facts: KubernetesFacts, intents: list[AnyIntent]) -> dict[str, Any]:
    """What a design becomes: its resources, each once, what is refused, and what is noted."""
    answers = [adapter.translators.translate(each, designed(facts, *intents)) for each in intents]
    translations = [each for each in answers if isinstance(each, Translation)]
    resources: list[Any] = []
    for each in (resource.body for translation in translations for resource in translation.resources):
        if each not in resources:
            resources.append(each)
    result: dict[str, Any] = {"resources": resources}
    refused = [msgspec.to_builtins(each) for each in answers if isinstance(each, Unsupported)]
    notes = [note for each in translations for note in each.notes]
    return {**result, **({"unsupported": refused} if refused else {}), **({"notes": notes} if notes else {})}
