"""The documents with which intents are proven on every mesh."""

from meshwright.schemas.designs import design_problems
from meshwright.schemas.intents import INTENT_TYPES
from rig.effects import documents


def test_every_intent_is_in_a_document() -> None:
    """What is not proven by requests is not in the contract, and no document is wrong by itself."""
    assert {type(intent) for design in documents.ALL for intent in design.intents} == set(INTENT_TYPES)
    assert [problem for design in documents.ALL for problem in design_problems(design)] == []
