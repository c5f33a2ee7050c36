"""What each intent becomes on Istio, written down: a golden is added or changed on purpose, never by the way."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

import meshwright.adapters.istio  # noqa: F401 - registers the translators
from meshwright.adapters.istio.adapter import adapter
from meshwright.adapters.istio.facts import IstioFacts
from meshwright.schemas.intents import INTENT_TYPES, AnyIntent, Translation, Unsupported, intent_kind
from rig.istio import schemas
from rig.istio.meshes import bookinfo, designed

GOLDENS = sorted((Path(__file__).parent / "goldens").glob("*.yaml"))
MESHES: dict[str, IstioFacts] = {
    "sidecar": bookinfo(),
    "ambient": bookinfo("ambient"),
    "waypoint": bookinfo("ambient", waypoint=True),
}


def translated(mesh: str, intents: list[AnyIntent]) -> dict[str, Any]:
    """What a design becomes: its resources, each once, what is refused, and what is noted."""
    facts = designed(MESHES[mesh], *intents)
    answers = [adapter.translators.translate(each, facts) for each in intents]
    translations = [each for each in answers if isinstance(each, Translation)]
    resources: list[Any] = []
    for each in (resource.body for translation in translations for resource in translation.resources):
        if each not in resources:
            resources.append(each)
    result: dict[str, Any] = {"resources": resources}
    refused = [msgspec.to_builtins(each) for each in answers if isinstance(each, Unsupported)]
    notes = [note for each in translations for note in each.notes]
    return {**result, **({"unsupported": refused} if refused else {}), **({"notes": notes} if notes else {})}


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
def test_a_design_becomes_exactly_these_resources(path: Path) -> None:
    """The translation of a design is its golden, and the real definitions take every resource of it."""
    golden = yaml.safe_load(path.read_text())
    intents = msgspec.convert(golden["intents"], type=list[AnyIntent])
    result = translated(golden["mesh"], intents)
    assert result == golden["becomes"]
    for body in result["resources"]:
        schemas.check(body)


def test_every_intent_has_a_golden_with_sidecars_and_in_ambient() -> None:
    """Nothing that the matrix says is without an example of what it means."""
    seen = {
        (golden["mesh"], each["intent"])
        for golden in (yaml.safe_load(path.read_text()) for path in GOLDENS)
        for each in golden["intents"]
    }
    kinds = {intent_kind(each) for each in INTENT_TYPES}
    assert {kind for mesh, kind in seen if mesh == "sidecar"} == kinds
    assert {kind for mesh, kind in seen if mesh == "waypoint"} == kinds
