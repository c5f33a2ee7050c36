"""What each intent becomes on Kuma, written down: a golden is added or changed on purpose, never by the way."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

import meshwright.adapters.kuma  # noqa: F401 - registers the translators
from meshwright.adapters.kuma.adapter import adapter
from meshwright.schemas.intents import INTENT_TYPES, AnyIntent, intent_kind
from rig.kubernetes.bookinfo import translated
from rig.kuma import schemas
from rig.kuma.meshes import bookinfo

GOLDENS = sorted((Path(__file__).parent / "goldens").glob("*.yaml"))


def read(path: Path) -> dict[str, Any]:
    """A golden: a version, what is different of the mesh, a design and what it becomes."""
    golden: dict[str, Any] = yaml.safe_load(path.read_text())
    return golden


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
def test_a_design_becomes_exactly_these_resources(path: Path) -> None:
    """The translation of a design is its golden."""
    golden = read(path)
    intents = msgspec.convert(golden["intents"], type=list[AnyIntent])
    facts = bookinfo(version=golden["version"], **golden.get("facts", {}))
    assert translated(adapter, facts, intents) == golden["becomes"]


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
def test_the_real_definitions_take_every_resource(path: Path) -> None:
    """No field that a kind does not have, and none missing; of older versions where their definitions are there."""
    golden = read(path)
    for body in golden["becomes"]["resources"]:
        schemas.check(body, golden["version"])


def test_every_intent_has_a_golden() -> None:
    """Nothing that the matrix says is without an example of what it means."""
    seen = {each["intent"] for path in GOLDENS for each in read(path)["intents"]}
    assert seen == {intent_kind(each) for each in INTENT_TYPES}
