"""What an adapter that detects meshes offers, and what its workers answer when nothing can be detected."""

from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from meshwright.core import kit
from meshwright.core.bus.client.serving import Refusal
from meshwright.schemas.errors import Failure
from meshwright.schemas.meshes import DetectionRequest, Detections
from meshwright.workers.host import answering

ASKED = msgspec.json.encode(DetectionRequest(workspace="default", connection="k"))


class Connections:
    """Knows every connection."""

    async def get(self, *_: object) -> None:
        """It is there."""


def adopting(outcome: Exception | None) -> kit.Adapter:
    """An adapter that detects nothing, or fails like this."""

    async def detect(_: kit.ConnectionScope) -> Detections:
        raise outcome or AssertionError

    async def unused(*_: Any) -> Any:
        raise AssertionError

    adapter = kit.Adapter("acme", meshes=["acme"])
    adapter.adopts(kit.Adoption(detect=detect, record=unused, read=unused, write=unused, status=unused))
    return adapter


async def answer(adapter: kit.Adapter, payload: bytes = ASKED) -> Failure:
    """Why a worker of an adapter does not say which meshes there are."""
    connections: Any = Connections()
    runtime = kit.Runtime(cast(Any, None), "acme", "w1", Path(), connections=connections)
    endpoints = answering.endpoints(adapter, runtime, None, cast(Any, None))
    with pytest.raises(Refusal) as refused:
        await endpoints["detect"](payload)
    return refused.value.failure


def test_who_detects_offers_to_adopt_and_to_forget() -> None:
    """That is how others know it; both can be previewed, and nobody registers twice."""
    adapter = adopting(None)
    offered = {each.name: each.summary for each in adapter.announcement("i").operations}
    assert offered.keys() == {"mesh.adopt", "mesh.forget"}
    assert all("nothing in the cluster is changed" in each for each in offered.values())
    assert adapter.previewer is not None
    assert adapter.adoption is not None
    with pytest.raises(kit.DuplicateRegistration, match=r"mesh\.adopt"):
        adapter.adopts(adapter.adoption)


async def test_a_worker_that_cannot_detect_says_why() -> None:
    """An adapter without detection, a request that is none, a cluster that refuses, and one that is away."""
    assert (await answer(kit.Adapter("acme", meshes=[]))).code == "MW1024"
    assert (await answer(adopting(None), b"{}")).code == "MW1023"
    failure = Failure(code="MW5001", what="the API server refuses", remedy="ask for the right")
    assert await answer(adopting(kit.Reject(failure))) == failure
    assert (await answer(adopting(kit.Retry(5, failure)))).what == "the API server refuses"
