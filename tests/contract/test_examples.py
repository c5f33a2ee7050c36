"""Examples that are made from schemas, and descriptions that are read from the source."""

from typing import Any

import msgspec
import pytest

from meshwright.schemas import designs, strict
from meshwright.schemas.base import Model, Name
from meshwright.schemas.documents import comments, inputs, jsonschema
from meshwright.schemas.documents.examples import Examples
from meshwright.schemas.intents import INTENT_TYPES, intent_problems
from meshwright.schemas.operations import OPERATION_TYPES

SCHEMAS = inputs.components([designs.Design, *OPERATION_TYPES], [])


@pytest.mark.parametrize("optional", [False, True])
@pytest.mark.parametrize("kind", INTENT_TYPES, ids=lambda kind: kind.__name__)
def test_the_example_of_an_intent_is_one_that_can_be_applied(kind: Any, optional: bool) -> None:
    """It decodes strictly and breaks none of the rules between fields."""
    example = Examples(SCHEMAS).of(SCHEMAS[kind.__name__], optional=optional)
    assert intent_problems(strict.decode(example, kind), "#") == []


@pytest.mark.parametrize("kind", [designs.Design, *OPERATION_TYPES], ids=lambda kind: kind.__name__)
def test_every_example_is_accepted(kind: Any) -> None:
    """Required fields, unions and rules are all satisfied, with and without optional fields."""
    for optional in (False, True):
        strict.decode(Examples(SCHEMAS).of(SCHEMAS[kind.__name__], optional=optional), kind)


class Base(Model, frozen=True, kw_only=True):
    """A part that others inherit."""

    first: int = 0
    """what the
    base says"""


class Described(Base, frozen=True, kw_only=True, rename={"second": "zweites"}):
    """A Struct whose fields are described."""

    second: list["Base"] = []
    """under its name in documents"""
    silent: int = 0
    named: Name = ""
    """mine"""


def test_the_docstring_below_a_field_is_its_description() -> None:
    """Also that of an inherited field, of a renamed one, of Structs within, and beside its type's own."""
    assert comments.of(Described) == {"first": "what the base says", "zweites": "under its name in documents",
                                      "named": "mine"}  # fmt: skip
    assert comments.by_struct([Described])["Base"] == {"first": "what the base says"}
    fields = jsonschema.schema(Described)["properties"]
    assert fields["zweites"]["description"] == "under its name in documents"
    assert fields["named"]["description"] == "mine; RFC 1123 label, at most 63 characters"
    assert "description" not in fields["silent"]


def test_a_struct_without_source_has_no_descriptions() -> None:
    """As one that was made by a program."""
    made = msgspec.defstruct("Made", [("field", int)])
    assert comments.by_struct([made]) == {}
