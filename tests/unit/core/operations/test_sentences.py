"""Every event can be read by people."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.operations import sentences
from meshwright.schemas import catalog

GOLDENS = Path(__file__).parents[3] / "contract" / "messages"
EACH = sorted(GOLDENS.glob("*.json"))
PREFIX = "dev.meshwright."


def said(type: str, data: Any, entity: str = "mesh", id: str = "demo") -> str:
    """The sentence for an event."""
    return sentences.sentence(f"{PREFIX}{type}", entity, id, json.dumps(data).encode())


@pytest.mark.parametrize("path", EACH, ids=lambda path: path.stem)
def test_every_message_of_the_contract_has_a_sentence(path: Path) -> None:
    """Of one line that is not too long, and without the signs of a missing value."""
    data = json.loads(path.read_text())["data"]
    text = sentences.sentence(path.name.removesuffix(".json"), "thing", "x", json.dumps(data).encode())
    assert text
    assert len(text) <= sentences.LONGEST
    assert "\n" not in text
    assert "None" not in text


@pytest.mark.parametrize(
    ("type", "data", "expected"),
    [
        ("mesh.observed.v1", {"mesh": {"id": "demo", "state": "degraded"}}, "Mesh demo is degraded"),
        (
            "proxy.observed.v2",
            {"proxy": {"namespace": "shop", "name": "p", "mesh": "m", "state": "rejected", "error": "no\nroute"}},
            "Proxy shop/p of mesh m is rejected: no route",
        ),
        (
            "proxy.observed.v2",
            {"proxy": {"name": "p", "mesh": "m", "state": "not_sent"}},
            "Proxy p of mesh m is not sent",
        ),
        (
            "operation.accepted.v1",
            {"kind": "design.apply", "mesh": "m", "arguments": {"design": {"id": "slow"}}, "principal": "ann"},
            "Apply slow to m, asked for by ann",
        ),
        (
            "operation.cancel_requested.v1",
            {"principal": "ann", "reason": "it takes too long"},
            "ann asked to cancel: it takes too long",
        ),
        ("operation.cancelled.v1", {"principal": "ann", "reason": "too long"}, "Cancelled by ann: too long"),
        ("operation.cancelled.v1", {}, "Cancelled by somebody"),
        ("operation.step_failed.v1", {"step": "push", "failure": {"what": "it broke"}}, "Step push failed: it broke"),
        ("operation.failed.v1", {"failure": {"what": "it broke"}}, "Failed: it broke"),
        ("adapter.lost.v1", {"name": "istio", "graceful": False}, "A worker of adapter istio was lost"),
        ("mesh.observed.v1", {"mesh": "of another shape"}, "Mesh demo: observed"),
        ("mesh.observed.v1", [], "Mesh demo: observed"),
        ("mesh.painted_blue.v7", {}, "Mesh demo: painted blue"),
    ],
)
def test_sentences_say_what_happened(type: str, data: Any, expected: str) -> None:
    """Also of types and shapes that are not known."""
    assert said(type, data) == expected


TYPES = sorted(catalog.BY_NAME)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["mesh", "proxy", "id", "state", "release", "failure", "status", "kind"]), inner
        )
    ),
    max_leaves=10,
)


@given(st.sampled_from(TYPES), JSON)
def test_no_payload_is_without_a_sentence(type: str, data: Any) -> None:
    """Whatever its shape."""
    text = sentences.sentence(type, "mesh", "demo", json.dumps(data).encode())
    assert text
    assert len(text) <= sentences.LONGEST


def test_a_payload_that_is_no_json_is_named_by_its_type() -> None:
    """Others read on."""
    assert sentences.sentence("dev.meshwright.mesh.observed.v1", "mesh", "demo", b"\xff{") == "Mesh demo: observed"
