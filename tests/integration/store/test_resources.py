"""Objects of clusters are found by label and by text, and a list is read without their bodies."""

import datetime
from collections.abc import AsyncIterator
from typing import Any

import pytest

from meshwright.core import store
from meshwright.core.store import generations, kinds, resources
from meshwright.core.store.resources import Requirement
from meshwright.core.store.writing import Batch, Folded, Writer
from meshwright.core.testing.fixtures import MongoDatabase
from meshwright.schemas.discovery import ClusterResource, resource_id
from meshwright.schemas.references import ResourceRef

pytestmark = pytest.mark.servers
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def resource(name: str, labels: dict[str, str], **spec: Any) -> ClusterResource:
    """A Deployment."""
    ref = ResourceRef(group="apps", kind="Deployment", namespace="shop", name=name)
    body = {"apiVersion": "apps/v1", "kind": ref.kind, "metadata": {"name": name, "labels": labels}, "spec": spec}
    return ClusterResource(
        id=resource_id("prod", ref),
        connection="prod",
        group=ref.group,
        kind=ref.kind,
        namespace=ref.namespace,
        name=name,
        labels=labels,
        observed_at=NOW,
        body=body,
    )


CANARY = resource("reviews-v3", {"app.kubernetes.io/name": "reviews", "version": "v3", "$canary": ""}, image="a.b/c:3")
OLD = resource("reviews-v1", {"app.kubernetes.io/name": "reviews", "version": "v1"}, note="x.y (z)")
OTHER = resource("ratings", {"app.kubernetes.io/name": "ratings"}, note="X.Y (Z)")


@pytest.fixture
async def views(mongo_database: MongoDatabase) -> AsyncIterator[store.Views]:
    """Views of three objects."""
    async with store.connect(mongo_database.url, mongo_database.name, timeout=10) as database:
        folded = [
            Folded(kinds.RESOURCES, f"w/{one.id}", "w", number, NOW, resources.indexed(one))
            for number, one in enumerate([CANARY, OLD, OTHER], start=1)
        ]
        assert not await Writer(database, generations.FIRST).write(Batch(documents=folded, rows={}, checkpoints=[]))
        yield store.Views(database)


@pytest.mark.parametrize(
    ("labels", "text", "result"),
    [
        ([Requirement(key="app.kubernetes.io/name", operator="in", values=["reviews"])], "", [OLD, CANARY]),
        ([Requirement(key="version", operator="in")], "", [OLD, CANARY]),
        ([Requirement(key="version", operator="notin")], "", [OTHER]),
        ([Requirement(key="version", operator="notin", values=["v1"])], "", [OTHER, CANARY]),
        ([Requirement(key="version", operator="in", values=["v1", "v3"])], "image", [CANARY]),
        ([Requirement(key="$canary", operator="in")], "", [CANARY]),
        ([], "x.y (z)", [OTHER, OLD]),
        ([], ".*", []),
        ([], "nowhere", []),
    ],
)
async def test_objects_are_found_by_label_and_text(
    views: store.Views, labels: list[Requirement], text: str, result: list[ClusterResource]
) -> None:
    """Keys may have dots and dollars, a text means itself in any case, and what is listed has no body."""
    page = await views.page(kinds.RESOURCES, "w", also=resources.matching(labels, text))
    assert [one.document.id for one in page.items] == [one.id for one in result]
    assert [one.document.content for one in page.items] == [""] * len(result)


async def test_an_object_is_read_as_it_was_seen(views: store.Views) -> None:
    """With its body, whatever is in it."""
    stored = await views.get(kinds.RESOURCES, "w", CANARY.id)
    assert stored is not None
    assert stored.document.whole == CANARY
