"""What the mesh itself was told: its trust domain, and the namespace whose resources are for all of it.

Invariant: where its ConfigMap is not among what was read, both are what Istio has by default.
"""

from typing import Any

from meshwright.adapters.istio.facts import ROOT
from meshwright.core.kit.analysis.manifests import items, mapping
from meshwright.core.kit.importing import Surroundings, values
from meshwright.core.kit.kubernetes.facts import DOMAIN

_NAME = "istio"
"""of the ConfigMap, before the revision"""


def trust_domains(around: Surroundings) -> set[str]:
    """The names under which the mesh knows its own identities; Istio takes cluster.local for each."""
    names: list[Any] = [DOMAIN]
    for each in _configs(around):
        names += [each.get("trustDomain"), *items(each.get("trustDomainAliases"))]
    return {each for each in names if isinstance(each, str) and each}


def root(around: Surroundings) -> str:
    """The namespace whose resources are for the whole mesh."""
    named = [each.get("rootNamespace") for each in _configs(around)]
    return next((each for each in named if isinstance(each, str) and each), ROOT)


def _configs(around: Surroundings) -> list[dict[str, Any]]:
    return around.once("configuration of the mesh", lambda: _read(around))


def _read(around: Surroundings) -> list[dict[str, Any]]:
    configs = []
    for each in around.manifests.of("", "ConfigMap"):
        text = mapping(each.body.get("data")).get("mesh")
        if isinstance(text, str) and each.ref.name.split("-")[0] == _NAME:
            configs.append(mapping(values.document(text)))  # a control plane does not take what is no YAML either
    return configs
