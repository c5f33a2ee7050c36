"""The overview of a workspace: what all its parts say, in one answer."""

import datetime
from typing import Any

import pytest

from meshwright.core import bus as mwbus
from meshwright.core.testing.eventually import eventually
from meshwright.schemas import subjects
from meshwright.schemas.workloads import Proxy, ProxyObserved, proxy_id
from rig.stack.people import Person
from rig.stack.stack import Stack
from rig.stack.windows import measured

pytestmark = pytest.mark.servers
WORDS = "listener 0: route not there"


async def observed(shared: Stack, person: Person, *states: Any) -> None:
    """Proxies of these states, and the views show them."""
    async with mwbus.connect(shared.nats.url, "tester") as bus:
        for number, state in enumerate(states):
            name = proxy_id("m1", "", f"p{number}")
            now = datetime.datetime.now(datetime.UTC)
            proxy = Proxy(id=name, mesh="m1", name=f"p{number}", state=state, error=WORDS, observed_at=now)
            about = {"workspace": person.workspace, "origin": "trial", "entity": "proxy", "id": name}
            subject = subjects.fill(subjects.EVENTS, **about)
            ack = await bus.publisher.publish(subject, ProxyObserved(proxy=proxy), about=f"proxies/{name}")
    await person.get("/v1/proxies", params={"min_event": ack.seq})


async def test_a_workspace_is_seen_at_one_glance(admin: Person, shared: Stack) -> None:
    """Its mesh with proxies and traffic, nothing that runs, and what needs somebody with the entity to go to."""
    await admin.mesh()
    await measured(shared, admin, 40)
    await observed(shared, admin, "synced", "synced", "stale", "rejected")
    failed = await admin.do("/v1/operations", {"kind": "trial.fail", "mesh": "m1", "arguments": {}})
    overview = await admin.get("/v1/overview")
    (mesh,) = overview["meshes"]
    assert (mesh["id"], mesh["adapter"], mesh["connection"], overview["mesh_count"]) == ("m1", "trial", "place", 1)
    counts = {name: mesh["proxies"][name] for name in ("total", "in_sync", "stale", "rejected")}
    assert counts == {"total": 4, "in_sync": 2, "stale": 1, "rejected": 1}
    assert len(mesh["sparkline"]) == 30
    assert [point["start"] for point in mesh["sparkline"]] == sorted(point["start"] for point in mesh["sparkline"])
    assert {point["requests"] for point in mesh["sparkline"]} == {75}
    assert (mesh["traffic"]["requests"], mesh["traffic"]["rate"], mesh["traffic"]["mutual_tls"]) == (2250, 7.5, 1.0)
    assert 0.0 < mesh["traffic"]["p50_ms"] < mesh["traffic"]["p99_ms"] < 10.0
    hour_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    span = await admin.get("/v1/overview", params={"since": hour_ago.isoformat()})
    (over,) = span["meshes"]
    assert (over["traffic"]["requests"], over["complete"]) == (3050, True)
    assert sum(point["requests"] for point in over["sparkline"]) == 3050
    assert {**over, "traffic": 0, "sparkline": 0} == {**mesh, "traffic": 0, "sparkline": 0}
    await admin.ask("GET", "/v1/overview?since=2100-01-01T00:00:00Z", expect=400)
    needs = {(item["kind"], item["entity"]["id"]): item for item in overview["attention"]}
    assert overview["attention_total"] == len(needs)
    rejected = needs["proxies-rejected", proxy_id("m1", "", "p3")]
    assert rejected["sentence"] == f"Proxy p3 of mesh m1 has rejected its configuration: {WORDS}"
    operation = needs["operation-failed", failed["id"]]
    assert operation["sentence"].startswith("“trial.fail on m1” failed: ")
    assert [item["severity"] for item in overview["attention"]] == ["error", "warning"]
    assert overview["operations"] == {"count": 0, "newest": []}


async def test_an_empty_workspace_needs_nobody(admin: Person) -> None:
    """And says so with empty lists."""
    overview = await admin.get("/v1/overview")
    assert {name: overview[name] for name in ("meshes", "attention", "attention_total", "mesh_count")} == {
        "meshes": [], "attention": [], "attention_total": 0, "mesh_count": 0,
    }  # fmt: skip
    await admin.ask("GET", "/v1/overview", expect=200)


async def test_operations_say_what_they_do_and_are_listed_by_time(admin: Person) -> None:
    """Changes of a mesh within a span, as marks on a chart; a title and the names of the targets on each."""
    await admin.mesh()
    begin = datetime.datetime.now(datetime.UTC)
    await admin.do("/v1/operations", {"kind": "trial.noop", "mesh": "m1"})
    design = {"id": "slow", "intents": [{"intent": "timeout", "service": "reviews", "timeout": "1s"}]}
    await admin.put("/v1/designs/slow", design)
    applied = await admin.do("/v1/designs/slow:apply", {"mesh": "m1"})
    changes = {"mesh": "m1", "changes": "true"}
    listed = (await admin.get("/v1/operations", params=changes))["items"]
    assert [each["title"] for each in listed] == ["Apply slow to m1", "Enrol reviews-v1 in m1", "Install m1"]
    assert (listed[0]["design"], listed[1]["members"]) == ("slow", ["reviews-v1"])
    since = {**changes, "since": begin.isoformat()}
    assert [each["id"] for each in (await admin.get("/v1/operations", params=since))["items"]] == [applied["id"]]
    until = {"mesh": "m1", "until": begin.isoformat()}
    assert len((await admin.get("/v1/operations", params=until))["items"]) == 2
    assert (await admin.get(f"/v1/operations/{applied['id']}"))["title"] == "Apply slow to m1"
    events = (await admin.get("/v1/events", params={"operation": applied["id"]}))["items"]
    assert (events[0]["title"], events[-1]["title"]) == ("Succeeded", "Apply slow to m1, asked for by admin")


async def test_an_operation_is_named_before_it_has_begun(admin: Person) -> None:
    """In the answer that accepts it."""
    await admin.mesh()
    answer = await admin.ask("DELETE", "/v1/meshes/m1", {}, expect=202)
    assert answer.json()["title"] == "Uninstall m1"

    async def ended() -> bool:
        return bool((await admin.get(f"/v1/operations/{answer.json()['id']}"))["done"])

    await eventually(ended)


async def test_long_lists_are_searched_counted_and_sorted_by_the_server(admin: Person, shared: Stack) -> None:
    """Page by page with the same total; a token is of its search."""
    await admin.mesh()
    await observed(shared, admin, *["synced"] * 12, "rejected")
    asked = {"q": "P1", "total": "true", "page_size": 2, "order_by": "name desc"}
    first = await admin.get("/v1/proxies", params=asked)
    assert ([each["name"] for each in first["items"]], first["total"]) == (["p12", "p11"], 3 + 1)
    more = {**asked, "page_token": first["next_page_token"]}
    second = await admin.get("/v1/proxies", params=more)
    assert ([each["name"] for each in second["items"]], second["next_page_token"]) == (["p10", "p1"], "")
    other = {**more, "q": "p2"}
    await admin.problem("GET", "/v1/proxies", params=other, status=400, slug="invalid-request")
    assert "total" not in await admin.get("/v1/proxies", params={"q": "p1"})
    words = await admin.get("/v1/proxies", params={"q": "route THERE", "state": "rejected", "total": "true"})
    assert (words["total"], [each["name"] for each in words["items"]]) == (1, ["p12"])
    nothing = await admin.get("/v1/workloads", params={"q": ".*", "total": "true"})
    assert (nothing["total"], nothing["items"]) == (0, [])
    await admin.problem("GET", "/v1/workloads", params={"q": "a\0"}, status=400, slug="invalid-request")
