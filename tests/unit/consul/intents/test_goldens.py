"""What each intent becomes on Consul, written down: a golden is added or changed on purpose, never by the way."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from meshwright.adapters.consul import adapter
from meshwright.adapters.consul.control_plane import entries
from meshwright.adapters.consul.control_plane.normal import normal
from meshwright.schemas.intents import INTENT_TYPES, AnyIntent, Resource, Translation, Unsupported, intent_kind
from rig.consul.meshes import MESHES, designed

GOLDENS = sorted((Path(__file__).parent / "goldens").glob("*.yaml"))


def translated(mesh: str, intents: list[AnyIntent]) -> dict[str, Any]:
    """What a design becomes: its entries, each once, what is refused, and what is noted."""
    facts = designed(MESHES[mesh], *intents)
    answers = [adapter.translators.translate(each, facts) for each in intents]
    translations = [each for each in answers if isinstance(each, Translation)]
    resources: list[Resource] = []
    for each in (resource for translation in translations for resource in translation.resources):
        if each not in resources:
            resources.append(each)
    assert len({each.ref for each in resources}) == len(resources), "one entry is made in two ways"
    for each in resources:
        assert entries.problems(each.ref, each.body) == []
        assert normal(each.ref.kind, each.ref.name, each.body) == each.body, "not as Consul gives it back"
    result: dict[str, Any] = {"resources": [each.body for each in resources]}
    refused = [msgspec.to_builtins(each) for each in answers if isinstance(each, Unsupported)]
    notes = [note for each in translations for note in each.notes]
    return {**result, **({"unsupported": refused} if refused else {}), **({"notes": notes} if notes else {})}


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
def test_a_design_becomes_exactly_these_entries(path: Path) -> None:
    """The translation of a design is its golden, and each entry is as Consul itself would give it back."""
    golden = yaml.safe_load(path.read_text())
    intents = msgspec.convert(golden["intents"], type=list[AnyIntent])
    assert translated(golden["mesh"], intents) == golden["becomes"]


def test_every_intent_has_a_golden() -> None:
    """Nothing that the matrix says is without an example of what it means."""
    seen = {each["intent"] for path in GOLDENS for each in yaml.safe_load(path.read_text())["intents"]}
    assert seen == {intent_kind(each) for each in INTENT_TYPES}
