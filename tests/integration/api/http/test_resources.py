"""What people write: versions, preconditions, history, and reading it back."""

from typing import Any

import pytest

from meshwright.core.testing.eventually import eventually
from rig.stack.people import Person

pytestmark = pytest.mark.servers
DESIGN = {"intents": [{"intent": "timeout", "service": "reviews", "timeout": "1s"}]}


async def test_a_connection_is_created_read_changed_and_removed(admin: Person) -> None:
    """Every write gives the sequence that a read can wait for, and the ETag that the next write needs."""
    made = await admin.put("/v1/connections/place", {"kind": "envoy-fleet"}, If_None_Match="*", expect=201)
    seq = made.headers["meshwright-seq"]
    assert made.headers["etag"] == f'"{seq}"'
    shown = await admin.ask("GET", "/v1/connections/place", params={"min_seq": seq})
    empty = {"description": "", "labels": {}, "settings": {}, "credentials": []}
    assert shown.json() == {"id": "place", "kind": "envoy-fleet", **empty}
    assert shown.headers["etag"] == made.headers["etag"]
    changed = await admin.put(
        "/v1/connections/place",
        {"kind": "envoy-fleet", "description": "here"},
        If_Match=made.headers["etag"],
        expect=200,
    )
    gone = await admin.ask("DELETE", "/v1/connections/place", If_Match=changed.headers["etag"], expect=204)
    later = {"min_seq": gone.headers["meshwright-seq"]}
    await admin.problem("GET", "/v1/connections/place", params=later, status=404, slug="not-found")
    again = await admin.put("/v1/connections/place", {"kind": "envoy-fleet"}, If_None_Match="*", expect=201)
    assert int(again.headers["meshwright-seq"]) > int(gone.headers["meshwright-seq"])


async def test_a_lost_update_is_impossible(admin: Person) -> None:
    """A write on an outdated version is refused with the current ETag, and one without a version too."""
    made = await admin.put("/v1/designs/split", DESIGN)
    old = made.headers["etag"]
    new = (await admin.put("/v1/designs/split", DESIGN, If_Match=old)).headers["etag"]
    await admin.problem("PUT", "/v1/designs/split", DESIGN, If_Match=old, status=412, slug="stale")
    await admin.problem("PUT", "/v1/designs/split", DESIGN, status=428, slug="if-match-required")
    await admin.problem("PUT", "/v1/designs/split", DESIGN, If_None_Match="*", status=412, slug="stale")
    await admin.problem("PUT", "/v1/designs/none", DESIGN, If_Match=old, status=412, slug="stale")
    await admin.problem("DELETE", "/v1/designs/split", If_Match=old, status=412, slug="stale")
    assert (await admin.ask("GET", "/v1/designs/split", params={"min_seq": new.strip('"')})).headers["etag"] == new


async def test_a_design_keeps_its_history_and_can_be_restored(admin: Person) -> None:
    """Each version has its author and reason; an old one becomes the newest again by one request."""
    first = await admin.put("/v1/designs/split", DESIGN, params={"reason": "to begin"})
    second = await admin.put("/v1/designs/split", {}, If_Match=first.headers["etag"], Meshwright_Reason="emptied")
    last = await admin.post(
        "/v1/designs/split:restore",
        {"version": int(first.headers["meshwright-version"])},
        If_Match=second.headers["etag"],
    )
    assert last.json()["intents"][0]["service"] == "reviews"
    params = {"min_seq": last.headers["meshwright-seq"], "page_size": 2}
    page = await admin.get("/v1/designs/split/versions", params=params)
    assert [(one["version"], one["reason"]) for one in page["items"]] == [
        (3, ""),
        (2, "emptied"),
    ]
    token = {"page_token": page["next_page_token"], "page_size": 2}
    rest = await admin.get("/v1/designs/split/versions", params=token)
    assert [one["reason"] for one in rest["items"]] == ["to begin"]
    assert rest["next_page_token"] == ""
    one = await admin.get("/v1/designs/split/versions/1")
    assert one["design"]["intents"] == last.json()["intents"]
    assert [answer.headers["meshwright-version"] for answer in (first, second, last)] == ["1", "2", "3"]
    shown = await admin.ask("GET", "/v1/designs/split")
    assert (shown.headers["meshwright-version"], shown.headers["etag"]) == ("3", last.headers["etag"])


async def test_versions_count_per_design_and_deletions_are_some(admin: Person) -> None:
    """Whatever else is saved, a design's versions are 1, 2, 3; a deletion is one too, and what follows goes on."""
    for name in ("a", "b"):
        made = await admin.put(f"/v1/designs/{name}", DESIGN)
        assert made.headers["meshwright-version"] == "1"
        again = await admin.put(f"/v1/designs/{name}", {}, If_Match="*")
        assert again.headers["meshwright-version"] == "2"
    await admin.ask("DELETE", "/v1/designs/a", If_Match="*")
    anew = await admin.put("/v1/designs/a", {"description": "anew"})
    assert anew.headers["meshwright-version"] == "4"
    params = {"min_seq": anew.headers["meshwright-seq"]}
    history = (await admin.get("/v1/designs/a/versions", params=params))["items"]
    told = [(one["version"], one["design"] is None) for one in history]
    assert told == [(4, False), (3, True), (2, False), (1, False)]
    restored = await admin.post("/v1/designs/a:restore", {"version": 1}, If_Match="*")
    assert restored.json()["intents"] == made.json()["intents"]
    await admin.problem("POST", "/v1/designs/a:restore", {"version": 3}, status=404, slug="not-found", If_Match="*")


async def test_validate_only_changes_nothing(admin: Person) -> None:
    """A trial write checks everything and leaves no trace."""
    await admin.put("/v1/designs/split", DESIGN, params={"validate_only": "true"}, expect=201)
    made = await admin.put("/v1/designs/other", DESIGN)
    params = {"min_seq": made.headers["meshwright-seq"]}
    await admin.problem("GET", "/v1/designs/split", params=params, status=404, slug="not-found")


async def test_a_design_can_be_written_as_yaml(admin: Person) -> None:
    """YAML and JSON are the same document; the id may stand in the path alone."""
    text = b"intents:\n  - intent: fault-abort\n    service: reviews\n    status: 503\n    percent: 12.5\n"
    made = await admin.ask("PUT", "/v1/designs/y", content=text, Content_Type="application/yaml")
    assert made.json()["intents"][0] | {"header": None} == {
        "intent": "fault-abort",
        "service": "reviews",
        "status": 503,
        "percent": 12.5,
        "header": None,
    }


async def test_lists_come_in_pages_that_cannot_be_mixed(admin: Person) -> None:
    """Pages together are the whole list once; a token with another filter or an altered one is refused."""
    seq = ""
    for number in range(5):
        made = await admin.put(f"/v1/connections/c{number}", {"kind": "envoy-fleet"})
        seq = made.headers["meshwright-seq"]
    names: list[str] = []
    params: dict[str, Any] = {"page_size": 2, "order_by": "id desc", "min_seq": seq}
    while True:
        page = await admin.get("/v1/connections", params=params)
        names += [one["id"] for one in page["items"]]
        if not page["next_page_token"]:
            break
        params["page_token"] = page["next_page_token"]
    assert names == ["c4", "c3", "c2", "c1", "c0"]
    mixed = {"page_token": params["page_token"], "order_by": "id"}
    await admin.problem("GET", "/v1/connections", params=mixed, status=400, slug="invalid-request")
    altered = {"page_token": "AAAA" + params["page_token"][4:], "order_by": "id desc"}
    await admin.problem("GET", "/v1/connections", params=altered, status=400, slug="invalid-request")


async def test_an_unchanged_document_costs_nothing(admin: Person) -> None:
    """If-None-Match with the current ETag is answered 304 without a body."""
    made = await admin.put("/v1/connections/place", {"kind": "envoy-fleet"})
    params = {"min_seq": made.headers["meshwright-seq"]}
    answer = await admin.ask(
        "GET", "/v1/connections/place", params=params, If_None_Match=made.headers["etag"], expect=304
    )
    assert answer.content == b""


async def test_a_connection_with_a_mesh_stays(admin: Person) -> None:
    """What is still used cannot be removed, and the refusal names what uses it."""
    await admin.mesh()
    answer = await admin.problem("DELETE", "/v1/connections/place", status=409, slug="in-use")
    assert "m1" in answer["detail"]


async def test_a_workspace_is_removed_when_nothing_lives_in_it(admin: Person) -> None:
    """What is left would act again in a later workspace of that name, so each kind is named and has to go first."""
    here = f"/v1/workspaces/{admin.workspace}"
    await admin.put("/v1/designs/d", {})
    await admin.put("/v1/connections/c", {"kind": "envoy-fleet"})
    refusal = "connections and designs: remove them first"

    async def told() -> bool:
        answer = await admin.problem("DELETE", here, status=409, slug="in-use", workspace="default", If_Match="*")
        return str(answer["detail"]).endswith(refusal)

    await eventually(told)
    for path in ("/v1/designs/d", "/v1/connections/c"):
        await admin.ask("DELETE", path, If_Match="*", expect=204)
    await eventually(lambda: admin.ask("DELETE", here, workspace="default", If_Match="*", expect=204))
