"""Whose a resource is, and what it was before, fits Kuma's labels and is read back as it was noted."""

import re
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.adapters.kuma.universal import marks
from meshwright.adapters.kuma.universal.entries import entry_of, normal
from meshwright.core import kit
from meshwright.core.kit.http_control_plane import Marked, Owner
from meshwright.schemas.references import ResourceRef

_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_NAMES = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=63)
_OWNERS = st.frozensets(st.builds(Owner, _NAMES, _NAMES, _NAMES), max_size=3)
_SPECS = st.dictionaries(_NAMES, st.text(max_size=200) | st.integers(), max_size=5)
REF = ResourceRef(group="kuma.io", kind="MeshRetry", name="r")


@given(_OWNERS, st.none() | _SPECS)
def test_marks_fit_labels_and_come_back(owners: frozenset[Owner], former: dict[str, Any] | None) -> None:
    """Each key and value is a label, and nothing is lost."""
    written = marks.written(Marked(body={}, owners=owners, former=former or None))
    for key, value in written.items():
        prefix, _, name = key.partition("/")
        assert len(prefix) <= 253
        assert _LABEL.fullmatch(name), key
        assert _LABEL.fullmatch(value), value
        assert marks.is_mark(key)
    assert marks.owners(written) == owners
    assert marks.former(written) == (former or None)


@given(_SPECS)
def test_what_kuma_adds_is_no_change(spec: dict[str, Any]) -> None:
    """Times, its own labels and marks do not count; the labels of people do."""
    mine = {"spec": spec, "labels": {"team": "a"}}
    theirs = {
        **mine,
        "type": "MeshRetry",
        "mesh": "default",
        "name": "r",
        "creationTime": "x",
        "modificationTime": "y",
        "kri": "z",
        "labels": {"team": "a", "kuma.io/origin": "zone", "k8s.kuma.io/namespace": "n"},
    }
    entry = entry_of(theirs)
    assert entry.body == normal("default", REF, mine)
    assert entry.body["labels"] == {"team": "a"}
    assert entry.version == "y"


def test_what_is_too_large_to_be_given_back_is_refused() -> None:
    """Before anything is written."""
    large = {"spec": {str(number): string.printable[number % 90] * number for number in range(3000)}}
    with pytest.raises(kit.Reject, match="too large"):
        marks.written(Marked(body={"type": "MeshRetry", "name": "r"}, former=large))
