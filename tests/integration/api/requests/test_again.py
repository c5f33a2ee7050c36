"""A workspace that is made again under a removed one's name shows nothing of it, wherever one looks."""

from typing import Any

from meshwright.core.testing.eventually import eventually
from rig.load.listening import listening
from rig.stack.people import TIMEOUT, Person
from rig.stack.stack import TOKEN, Stack

SECRET = "of-the-one-before"
NOOP = {"kind": "trial.noop", "mesh": "m1", "reason": SECRET}
LISTS = (
    "/v1/connections", "/v1/designs", "/v1/releases", "/v1/meshes", "/v1/workloads", "/v1/proxies", "/v1/operations",
    "/v1/deadletters", "/v1/webhooks", "/v1/tokens",
)  # fmt: skip


async def furnish(ann: Person) -> dict[str, Any]:
    """Have something of everything; what is remembered of it."""
    await ann.mesh()
    saved = await ann.put("/v1/designs/d", {"intents": [TIMEOUT], "description": SECRET})
    await eventually(lambda: ann.get("/v1/designs/d"))
    assert (await ann.do("/v1/designs/d:apply", {"mesh": "m1"}))["state"] == "succeeded"
    await ann.put("/v1/webhooks/w", {"url": "http://127.0.0.1:9/", "description": SECRET})
    operation = (await ann.post("/v1/operations", NOOP, Idempotency_Key="once")).json()["id"]
    await ann.done(operation)
    events = (await ann.get("/v1/events"))["items"]
    assert SECRET in str(events)
    releases = (await ann.get("/v1/releases"))["items"]
    return {
        "version": int(saved.headers["meshwright-version"]),
        "operation": operation,
        "event": events[-1]["id"],
        "release": releases[0]["id"],
    }


async def clear(ann: Person) -> None:
    """Remove everything, and the workspace."""
    await ann.do("/v1/meshes/m1", method="DELETE")
    for path in ("/v1/designs/d", "/v1/webhooks/w", "/v1/connections/place"):
        await eventually(lambda path=path: ann.ask("DELETE", path, If_Match="*", expect=204))  # type: ignore[misc]
    remove = f"/v1/workspaces/{ann.workspace}"
    await eventually(lambda: ann.ask("DELETE", remove, workspace="default", If_Match="*", expect=204))


async def test_it_sees_nothing_of_the_one_before(admin: Person, shared: Stack) -> None:
    """Lists, single documents, the log, the stream from its start, old ids, versions and keys: nothing is there.

    It stays so when the new one is changed, and the new one works like any other.
    """
    old = await furnish(admin)
    await clear(admin)
    path = f"/v1/workspaces/{admin.workspace}"
    again = await admin.put(path, {"description": "new"}, workspace="default", expect=201)
    await admin.until_it_counts()
    await admin.put(path, {"description": "changed"}, workspace="default", If_Match=again.headers["etag"])
    await eventually(lambda: _described(admin, "changed"))
    for place in LISTS:
        assert (await admin.get(place))["items"] == [], place
    for place in (
        "/v1/designs/d", f"/v1/designs/d/versions/{old['version']}", f"/v1/operations/{old['operation']}",
        f"/v1/releases/{old['release']}", "/v1/meshes/m1/topology", "/v1/meshes/m1/metrics", "/v1/designs/d/versions",
        "/v1/designs/d/releases", "/v1/meshes/m1/workloads", "/v1/webhooks/w/deliveries",
    ):  # fmt: skip
        await admin.problem("GET", place, status=404, slug="not-found")
    assert SECRET not in str(await admin.get("/v1/events"))
    async with listening(shared.url, TOKEN, admin.workspace, last_event_id=max(old["event"] - 1, 0)) as listener:
        await admin.put("/v1/connections/fresh", {"kind": "envoy-fleet"})
        await eventually(lambda: any(data["entity_id"] == "fresh" for _, _, data in listener.frames))
    seen = [data for _, _, data in listener.frames if data["workspace"] == admin.workspace]
    assert SECRET not in str(seen)
    assert [one["entity"] for one in seen] == ["workspace", "workspace", "connection"]
    await _old_ids_are_of_no_use(admin, old)


async def _old_ids_are_of_no_use(admin: Person, old: dict[str, Any]) -> None:
    version = {"version": old["version"]}
    await admin.problem("POST", "/v1/designs/d:restore", version, status=404, slug="not-found")
    for verb in ("cancel", "retry"):
        await admin.problem("POST", f"/v1/operations/{old['operation']}:{verb}", {}, status=404, slug="not-found")
    await admin.put("/v1/webhooks/w", {"url": "http://127.0.0.1:9/"})
    begin = {"from_event": old["event"]}
    await admin.problem("POST", "/v1/webhooks/w:replay", begin, status=422, slug="invalid-document")
    await admin.mesh()
    repeated = await admin.post("/v1/operations", NOOP | {"reason": "new"}, Idempotency_Key="once", expect=202)
    assert repeated.json()["id"] != old["operation"]
    same = await admin.post("/v1/operations", NOOP | {"reason": "new"}, Idempotency_Key="once", expect=202)
    assert same.json()["id"] == repeated.json()["id"]
    assert (await admin.done(repeated.json()["id"]))["state"] == "succeeded"
    saved = await admin.put("/v1/designs/d", {"intents": [TIMEOUT]})
    newest = {"min_seq": saved.headers["meshwright-seq"]}
    assert len((await admin.get("/v1/designs/d/versions", params=newest))["items"]) == 1


async def _described(admin: Person, text: str) -> bool:
    known = (await admin.get("/v1/workspaces", workspace="default"))["items"]
    return any(one["id"] == admin.workspace and one["description"] == text for one in known)
