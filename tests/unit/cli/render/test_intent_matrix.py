"""A cell of the matrix says the best that a test has shown, and no more."""

import io

import pytest

from meshwright.schemas.adapters import Adapter, IntentProof, IntentSupport
from meshwright.ui_api.cli.render import output
from meshwright.ui_api.cli.render.documents import intents as intent_matrix

TAKEN = IntentProof(how="accepted", version="1.30", test="t")
SEEN = IntentProof(how="traffic", version="1.31", test="t")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (IntentSupport(intent="retry", supported=True, proofs=[TAKEN, SEEN]), "● traffic 1.31"),
        (IntentSupport(intent="retry", supported=True, proofs=[TAKEN]), "◐ accepted 1.30"),
        (IntentSupport(intent="retry", supported=True, since="1.15"), "○ unproven from 1.15"),
        (IntentSupport(intent="retry", supported=True), "○ unproven"),
        (IntentSupport(intent="retry", supported=False, proofs=[SEEN]), "✗ unsupported"),
    ],
)
def test_the_best_that_was_shown_is_said(row: IntentSupport, said: str) -> None:
    """With the versions on which it was shown; what is not supported is proven by nothing."""
    assert intent_matrix.cell(row) == said


def test_adapters_stand_side_by_side_and_are_counted() -> None:
    """An adapter of a version that knows fewer intents has a gap there."""
    rows = [
        IntentSupport(intent="retry", supported=True, proofs=[SEEN]),
        IntentSupport(intent="mirror", supported=True),
    ]
    refused = IntentSupport(intent="retry", supported=False, because="it cannot", instead="do not")
    adapters = [Adapter(id="a", intents=rows), Adapter(id="b", intents=[refused])]
    stream = io.StringIO()
    output.console(stream, wide=True).print(intent_matrix.matrix(adapters))
    lines = [line.split() for line in stream.getvalue().splitlines()]
    assert lines[1:3] == [["retry", "●", "traffic", "1.31", "✗", "unsupported"], ["mirror", "○", "unproven", "-"]]
    assert "of 3: 1 traffic, 0 accepted, 1 unproven, 1 unsupported" in stream.getvalue()
    assert "it cannot. Instead: do not." in stream.getvalue()
