"""The page of intents says what adapters announce, and their proofs name tests that are there."""

from pathlib import Path

import pytest

from meshwright.schemas.adapters import Adapter
from rig.proving import page, recording

ROOT = Path(__file__).parents[3]
ALL = page.announced()


def test_the_page_is_not_stale() -> None:
    """It is what `make proofs` would write."""
    assert page.PAGE.read_text() == page.page(ALL)


@pytest.mark.parametrize("adapter", ALL, ids=lambda each: each.id)
def test_every_proof_is_of_a_test_that_exists_and_of_an_intent_that_is_supported(adapter: Adapter) -> None:
    """A test that was renamed or removed proves nothing any more."""
    for row in adapter.intents:
        assert row.supported or not row.proofs
        for proof in row.proofs:
            file, *_, function = proof.test.split("::")
            assert (ROOT / file).is_file(), proof.test
            assert f"def {function}(" in "".join(
                path.read_text() for path in [ROOT / file, *(ROOT / "tests" / "rig" / "effects").glob("*.py")]
            )


def test_every_file_of_proofs_belongs_to_an_adapter() -> None:
    """A file of an adapter that is gone would be read by nobody."""
    assert set(recording.recorded()) <= {each.id for each in ALL}
