"""Releases by what lists show of them: the design and its revision."""

import datetime
from typing import Any

from meshwright.schemas.designs import Design, Release

Harness = Any


def release(harness: Harness, mesh: str, number: int) -> None:
    """A release in the views."""
    name = f"{number:026}"
    applied_at = datetime.datetime(2026, 1, number, tzinfo=datetime.UTC)
    document = Release(
        id=name,
        design=Design(id="d"),
        mesh=mesh,
        connection="place",
        revision=1,
        state="applied",
        inventory=[],
        operation=name,
        principal="ann",
        applied_at=applied_at,
    )
    harness.views.documents["releases", name] = (document, number)


async def test_a_revision_is_found_by_its_design(harness: Harness) -> None:
    """The design and the revision are an address of the release, with its ETag."""
    release(harness, "m1", 1)
    answer = await harness.admin.ask("GET", "/v1/designs/d/releases/1")
    assert (answer.json()["id"], answer.headers["etag"]) == (f"{1:026}", '"1"')
    assert harness.views.asked[-1]["where"] == {"design.id": "d", "revision": 1}
    await harness.admin.get("/v1/designs/d/releases/1?mesh=m1")
    assert harness.views.asked[-1]["where"] == {"design.id": "d", "revision": 1, "mesh": "m1"}


async def test_a_revision_on_several_meshes_is_reported(harness: Harness) -> None:
    """Where several meshes have that revision, the refusal names them, and the parameter that chooses one."""
    release(harness, "m1", 1)
    release(harness, "m2", 2)
    answer = await harness.admin.problem("GET", "/v1/designs/d/releases/1", status=400, slug="invalid-request")
    assert "m1, m2" in answer["detail"]
    assert answer["errors"][0]["pointer"] == "#/query/mesh"


async def test_a_revision_that_is_not_there(harness: Harness) -> None:
    """An unknown revision is 404, and so is one that cannot be."""
    for number in ("7", "0", "x"):
        await harness.admin.problem("GET", f"/v1/designs/d/releases/{number}", status=404, slug="not-found")
