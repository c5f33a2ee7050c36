"""Live adapters: an operation is accepted only when a live worker offers exactly that."""

import datetime

import msgspec
import pytest

from meshwright.schemas.adapters import AdapterAnnouncement, OperationSupport
from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.requests.live_adapters import LiveAdapters

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def worker(instance: str, *versions: int, name: str = "acme", mesh: str = "") -> tuple[str, bytes]:
    """The presence entry of a worker that offers `mesh.install` in these versions."""
    announcement = AdapterAnnouncement(
        name=name,
        instance=instance,
        version="1.0.0",
        contract=1,
        meshes=[mesh or name],
        operations=[OperationSupport(name="mesh.install", version=version, mutates=True) for version in versions],
        intents=[],
        host="h",
        pid=1,
        started_at=NOW,
    )
    return f"{name}.{instance}", msgspec.json.encode(announcement)


def refusal(live_adapters: LiveAdapters, adapter: str, kind: str, version: int | None) -> str:
    """Why an operation is not offered."""
    with pytest.raises(Refusal) as caught:
        live_adapters.offer(adapter, kind, version)
    assert caught.value.slug == "adapter-unavailable"
    return caught.value.detail


def test_the_newest_version_is_meant_when_none_is_named() -> None:
    """During a rolling upgrade both versions can be asked for, and the newest is the default."""
    live_adapters = LiveAdapters()
    live_adapters.learn(*worker("old", 1))
    live_adapters.learn(*worker("new", 2))
    assert live_adapters.offer("acme", "mesh.install", None).version == 2
    assert live_adapters.offer("acme", "mesh.install", 1).version == 1
    live_adapters.learn(worker("new")[0], None)
    assert live_adapters.offer("acme", "mesh.install", None).version == 1
    assert "in version 2" in refusal(live_adapters, "acme", "mesh.install", 2)


def test_a_worker_that_is_gone_offers_nothing() -> None:
    """With the last worker the offer goes, and the refusal says so."""
    live_adapters = LiveAdapters()
    assert "no live worker of the adapter 'acme'" in refusal(live_adapters, "acme", "mesh.install", None)
    live_adapters.learn(*worker("one", 1))
    live_adapters.learn(*worker("two", 1))
    live_adapters.learn(worker("one")[0], None)
    assert live_adapters.offer("acme", "mesh.install", 1).version == 1
    live_adapters.learn(worker("two")[0], None)
    assert live_adapters.alive() == []
    refusal(live_adapters, "acme", "mesh.install", 1)


def test_what_is_not_offered_is_refused_with_what_is() -> None:
    """An unknown operation names those that there are."""
    live_adapters = LiveAdapters()
    live_adapters.learn(*worker("one", 1))
    assert "it offers: mesh.install" in refusal(live_adapters, "acme", "mesh.explode", None)


def test_an_entry_that_cannot_be_read_offers_nothing() -> None:
    """Damaged presence is as good as none, also in place of a good one."""
    live_adapters = LiveAdapters()
    key, value = worker("one", 1)
    live_adapters.learn(key, value)
    live_adapters.learn(key, b"{")
    assert live_adapters.alive() == []
    refusal(live_adapters, "acme", "mesh.install", 1)


def test_a_mesh_finds_its_adapter() -> None:
    """The adapter of a kind of mesh is the one that announces it."""
    live_adapters = LiveAdapters()
    live_adapters.learn(*worker("one", 1))
    live_adapters.learn(*worker("two", 1, name="zeta"))
    assert live_adapters.adapter_for("zeta", "envoy-fleet") == "zeta"
    with pytest.raises(Refusal):
        live_adapters.adapter_for("nothing", "envoy-fleet")


def test_of_two_adapters_for_one_kind_the_request_chooses() -> None:
    """Without a name both are listed and none is chosen; a name that does not serve the kind is refused with the
    list.
    """
    live_adapters = LiveAdapters()
    for name in ("zeta", "acme"):
        live_adapters.learn(*worker("one", 1, name=name, mesh="istio"))
    with pytest.raises(Refusal, match="several adapters serve meshes of kind 'istio': acme, zeta") as caught:
        live_adapters.adapter_for("istio", "kubernetes")
    assert (caught.value.slug, caught.value.errors[0].pointer) == ("invalid-document", "#/adapter")
    assert live_adapters.adapter_for("istio", "kubernetes", "zeta") == "zeta"
    with pytest.raises(Refusal, match=r"no live adapter 'other' serves .*; these do: acme, zeta") as caught:
        live_adapters.adapter_for("istio", "kubernetes", "other")
    assert caught.value.slug == "adapter-unavailable"
    live_adapters.learn(worker("one", name="acme")[0], None)
    assert live_adapters.adapter_for("istio", "kubernetes") == "zeta"
