"""References: one way to name a native resource, whatever people wrote and whatever was recorded before."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.schemas import catalog, designs
from meshwright.schemas.intents import NativeResource
from meshwright.schemas.references import ResourceRef, inventory, reference

words = st.text("abz-./", min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("written", "group", "kind"),
    [
        ("type.googleapis.com/envoy.config.route.v3.RouteConfiguration", "envoy.config.route.v3", "RouteConfiguration"),
        ("networking.istio.io/v1/VirtualService", "networking.istio.io", "VirtualService"),
        ("gateway.networking.k8s.io/v1beta1/HTTPRoute", "gateway.networking.k8s.io", "HTTPRoute"),
        ("v1/Service", "", "Service"),
        ("consul/service-router", "consul", "service-router"),
        ("MeshRetry", "", "MeshRetry"),
    ],
)
def test_what_people_write_names_a_group_and_a_kind(written: str, group: str, kind: str) -> None:
    """A type as in a design is split once, here; a version is no part of what a resource is."""
    native = NativeResource(type=written, namespace="shop", name="reviews", body={})
    assert native.ref == ResourceRef(group=group, kind=kind, namespace="shop", name="reviews")


@given(group=words, kind=words, namespace=st.just("") | words, name=words)
def test_references_are_equal_exactly_when_all_their_parts_are(
    group: str, kind: str, namespace: str, name: str
) -> None:
    """They can be kept in sets and put in an order, and nothing of them is lost on the wire."""
    one = ResourceRef(group=group, kind=kind, namespace=namespace, name=name)
    assert len({one, ResourceRef(group=group, kind=kind, namespace=namespace, name=name)}) == 1
    assert one != ResourceRef(group=group, kind=kind, namespace=f"{namespace}x", name=name)
    assert sorted([one, one]) == [one, one]


def test_an_inventory_that_was_recorded_before_is_read() -> None:
    """Lines of the first version become references, those of Envoy with the group that they lacked."""
    assert inventory(["RouteConfiguration reviews-v1/inbound", "Cluster/reviews-v3", "odd"]) == [
        reference("type.googleapis.com/envoy.config.route.v3.RouteConfiguration", "", "reviews-v1/inbound"),
        reference("type.googleapis.com/envoy.config.cluster.v3.Cluster", "", "reviews-v3"),
        ResourceRef(kind="", name="odd"),
    ]


def test_a_release_that_was_reported_before_is_the_same_release() -> None:
    """Nothing of it but the spelling of its inventory changes."""
    golden = Path(__file__).parent / "messages" / "dev.meshwright.release.changed.v1.json"
    data = json.loads(golden.read_text())["data"]
    message = catalog.decode("dev.meshwright.release.changed.v1", json.dumps(data).encode())
    assert isinstance(message, designs.ReleaseChangedV1)
    release = message.release.upgraded()
    assert [str(each) for each in release.inventory] == ["RouteConfiguration reviews", "Cluster reviews-v3"]
    assert (release.revision, release.design, release.applied_at) == (
        message.release.revision, message.release.design, message.release.applied_at,
    )  # fmt: skip
