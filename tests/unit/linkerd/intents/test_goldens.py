"""What each intent becomes on Linkerd, written down: a golden is added or changed on purpose, never by the way."""

from pathlib import Path

import msgspec
import pytest
import yaml

import meshwright.adapters.linkerd  # noqa: F401 - registers the translators
from meshwright.adapters.linkerd.adapter import adapter
from meshwright.schemas.intents import INTENT_TYPES, AnyIntent, intent_kind
from rig.kubernetes.bookinfo import translated
from rig.linkerd import schemas
from rig.linkerd.meshes import bookinfo

GOLDENS = sorted((Path(__file__).parent / "goldens").glob("*.yaml"))


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
def test_a_design_becomes_exactly_these_resources(path: Path) -> None:
    """The translation of a design is its golden."""
    golden = yaml.safe_load(path.read_text())
    intents = msgspec.convert(golden["intents"], type=list[AnyIntent])
    assert translated(adapter, bookinfo(), intents) == golden["becomes"]


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
