"""What each intent becomes on Linkerd, written down: a golden is added or changed on purpose, never by the way."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

import meshwright.adapters.linkerd  # noqa: F401 - registers the translators
from meshwright.adapters.linkerd.adapter import adapter
from meshwright.schemas.intents import INTENT_TYPES, AnyIntent, Translation, Unsupported, intent_kind
from rig.linkerd import schemas
from rig.linkerd.meshes import bookinfo, designed

GOLDENS = sorted((Path(__file__).parent / "goldens").glob("*.yaml"))


def translated(intents: list[AnyIntent]) -> dict[str, Any]:
    """What a design becomes: its resources, each once, what is refused, and what is noted."""
    facts = designed(bookinfo(), *intents)
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
    """The translation of a design is its golden."""
    golden = yaml.safe_load(path.read_text())
    intents = msgspec.convert(golden["intents"], type=list[AnyIntent])
    assert translated(intents) == golden["becomes"]


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
def test_the_real_definitions_take_every_resource(path: Path) -> None:
    """No field that a kind does not have, and none missing."""
    for body in yaml.safe_load(path.read_text())["becomes"]["resources"]:
        if body["kind"] != "Deployment":  # only an annotation of one that is there
            schemas.check(body)


def test_every_intent_has_a_golden() -> None:
    """Nothing that the matrix says is without an example of what it means."""
    seen = {each["intent"] for path in GOLDENS for each in yaml.safe_load(path.read_text())["intents"]}
    assert seen == {intent_kind(each) for each in INTENT_TYPES}
