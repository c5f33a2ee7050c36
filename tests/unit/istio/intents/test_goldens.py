"""What each intent becomes on Istio, written down: a golden is added or changed on purpose, never by the way."""

from pathlib import Path

import msgspec
import pytest
import yaml

import meshwright.adapters.istio  # noqa: F401 - registers the translators
from meshwright.adapters.istio.adapter import adapter
from meshwright.adapters.istio.facts import IstioFacts
from meshwright.schemas.intents import INTENT_TYPES, AnyIntent, intent_kind
from rig.istio import schemas
from rig.istio.meshes import bookinfo
from rig.kubernetes.bookinfo import translated

GOLDENS = sorted((Path(__file__).parent / "goldens").glob("*.yaml"))
MESHES: dict[str, IstioFacts] = {
    "sidecar": bookinfo(),
    "ambient": bookinfo("ambient"),
    "waypoint": bookinfo("ambient", waypoint=True),
}


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
def test_a_design_becomes_exactly_these_resources(path: Path) -> None:
    """The translation of a design is its golden, and the real definitions take every resource of it."""
    golden = yaml.safe_load(path.read_text())
    intents = msgspec.convert(golden["intents"], type=list[AnyIntent])
    result = translated(adapter, MESHES[golden["mesh"]], intents)
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
