"""Lists and documents: what the contract says is what people see in tables and programs in JSON and YAML."""

import io
import json
from typing import Any, get_args

import msgspec
import pytest
import yaml

from meshwright.core.store import DesignVersion
from meshwright.schemas import (
    access,
    adapters,
    connections,
    dead_letters,
    designs,
    intents,
    meshes,
    operations,
    references,
    telemetry,
    webhooks,
    workloads,
)
from meshwright.schemas.errors import Failure
from meshwright.schemas.readings import traffic
from meshwright.ui_api.cli.render import views
from meshwright.ui_api.cli.render.documents import designs as rendered
from meshwright.ui_api.cli.render.output import console
from meshwright.ui_api.routes.access.tokens import TokenInfo

Server = Any
Terminal = Any
ULID = "01JD8X3M5TZ9Q4W7V2K6N0B1CE"
AT = "2026-01-01T00:00:00Z"
FAILURE = Failure(code="X1", what="it broke", cause="a cause", remedy="a remedy")
TIMEOUT = intents.Timeout(service="reviews", timeout="1s")
DESIGN = designs.Design(id="slow", description="two words", intents=[TIMEOUT, TIMEOUT])


def made(kind: Any, /, **fields: Any) -> Any:
    """A document of the contract, its times all the same moment."""
    times = {
        "observed_at",
        "accepted_at",
        "written_at",
        "applied_at",
        "stored_at",
        "created_at",
        "attempted_at",
        "start",
    }
    wanted = {name: AT for name in kind.__struct_fields__ if name in times}
    return msgspec.convert({**wanted, **msgspec.to_builtins(fields)}, kind)


MESH = made(
    meshes.Mesh,
    id="m1",
    kind="envoy",
    connection="place",
    adapter="envoy",
    version="1.36",
    state="degraded",
    conditions=[{"type": "Ready", "status": "False", "reason": "Gone", "message": "two proxies are away"}],
    workloads=3,
    proxies=2,
)
PROXY = made(
    workloads.Proxy,
    id="m1~~p1",
    mesh="m1",
    name="p1",
    workload="m1~~process~a",
    state="rejected",
    sent="7",
    acked="6",
    error="bad cluster",
)
WORKLOAD = made(
    workloads.Workload,
    id="m1~~process~a",
    mesh="m1",
    connection="place",
    name="a",
    service="reviews",
    version="v1",
    address="10.0.0.1",
    port=9080,
    sidecar="managed",
)
STEP = made(operations.Step, name="push", state="failed", attempt=2, started_at=AT, finished_at=AT, failure=FAILURE)
OPERATION = made(
    operations.Operation,
    id=ULID,
    workspace="default",
    adapter="envoy",
    connection="place",
    mesh="m1",
    kind="design.apply",
    state="dead_lettered",
    done=True,
    steps=[STEP],
    failure=FAILURE,
    principal="token:ann",
    reason="to see",
    finished_at="2026-01-01T00:02:05Z",
)
LETTER = made(
    dead_letters.DeadLetterRecord,
    id=ULID,
    workspace="default",
    adapter="envoy",
    reason="poison",
    deliveries=8,
    command_seq=3,
)
ADAPTER = adapters.Adapter(
    id="envoy",
    version="1.0",
    contract=1,
    meshes=["envoy"],
    operations=[adapters.OperationSupport(name="mesh.install", version=2, mutates=True, summary="Installs.")],
    intents=[
        adapters.IntentSupport(intent="timeout", supported=True, since="1.0"),
        adapters.IntentSupport(intent="deny-all", supported=False, because="no network", instead="mtls"),
    ],
)
EDGES = [
    telemetry.Edge(source="front", destination="cart", requests=9, errors=1, rate=4.5, error_rate=0.111, p50_ms=3.5),
    telemetry.Edge(source="front", destination="idle", requests=0, errors=0, rate=0.0, error_rate=0.0),
    telemetry.Edge(source="cart", destination="db", requests=9, errors=0, rate=4.5, error_rate=0.02, p99_ms=1500.0),
]
NODES = [traffic.TopologyNode(id="alone", workloads=["alone-1"], versions=["v1"])]
TOPOLOGY = made(traffic.Topology, mesh="m1", seconds=5.0, nodes=NODES, edges=EDGES)
RELEASE = made(
    designs.Release,
    id=ULID,
    design=DESIGN,
    mesh="m1",
    connection="place",
    revision=4,
    state="rolled_back",
    inventory=[references.ResourceRef(kind="Route", name="r")],
    operation=ULID,
    principal="admin",
    reason="why not",
    proxies=designs.ProxiesTaken(sent=12, taken=11, refusing=["web-1"]),
)
WEBHOOK = webhooks.Webhook(id="ops", url="https://hooks.test/", types=["dev.meshwright.mesh"], enabled=False)
DELIVERY = made(
    webhooks.Delivery,
    webhook="ops",
    event=96,
    event_id="e",
    event_type="dev.meshwright.mesh.observed.v1",
    state="retrying",
    attempts=3,
    status=503,
    detail="slow",
)
TABLES: list[tuple[tuple[str, ...], str, Any, list[str]]] = [
    (("meshes", "list"), "/v1/meshes", [MESH], ["m1", "envoy", "1.36", "✗ degraded", "place", "3", "2"]),
    (("meshes", "show", "m1"), "/v1/meshes/m1", MESH, ["✗ degraded", "Ready", "False", "Gone", "two proxies are away"]),
    (("proxies", "list"), "/v1/proxies", [PROXY], ["✗ rejected", "7", "6", "✗ p1 says: bad cluster"]),
    (
        ("connections", "list"),
        "/v1/connections",
        [connections.Connection(id="c", kind="consul", labels={"b": "2", "a": "1"})],
        ["a=1, b=2"],
    ),
    (("designs", "list"), "/v1/designs", [DESIGN], ["slow", "7", "not applied", "timeout", "two words"]),
    (
        ("designs", "versions", "slow"),
        "/v1/designs/slow/versions",
        [
            made(DesignVersion, id="slow", version=9, design=DESIGN, principal="ann", reason="first"),
            made(DesignVersion, id="slow", version=11, design={"id": "slow", "intents": [TIMEOUT]}, principal="ann"),
            made(DesignVersion, id="slow", version=12, principal="ann"),
        ],
        ["9", "2 intents", "first", "1 intent\n", "12", "deleted"],
    ),
    (
        ("releases", "list"),
        "/v1/releases",
        [RELEASE],
        ["slow", "4", "- rolled back", "11 of 12, 1 refuse", ULID, "why not"],
    ),
    (
        ("operations", "list"),
        "/v1/operations",
        [OPERATION],
        [ULID, "✗ dead lettered", "2 min 5 s", "token:ann", "it broke"],
    ),
    (
        ("operations", "show", ULID),
        f"/v1/operations/{ULID}",
        OPERATION,
        ["✗ failed", "to see", "dead lettered: it broke (X1)", "cause: a cause", "remedy: a remedy", f"retry {ULID}"],
    ),
    (("deadletters", "list"), "/v1/deadletters", [LETTER], [ULID, "… open", "8", "poison"]),
    (("adapters", "list"), "/v1/adapters", [ADAPTER], ["envoy", "1/2", "0"]),
    (
        ("adapters", "show", "envoy"),
        "/v1/adapters/envoy",
        ADAPTER,
        ["live workers: none", "mesh.install v2", "changes", "✓ yes", "✗ no", "no network", "mtls"],
    ),
    (
        ("topology", "-m", "m1"),
        "/v1/meshes/m1/topology",
        TOPOLOGY,
        ["✗ 11.1 %", "! 2.0 %", "3.5 ms", "1.50 s", "without traffic: alone"],
    ),
    (
        ("tokens", "list"),
        "/v1/tokens",
        [made(TokenInfo, id="t", role="viewer", workspace="*")],
        ["viewer", "*", "never"],
    ),
    (("workspaces", "list"), "/v1/workspaces", [access.Workspace(id="w", description="ours")], ["w", "ours"]),
    (
        ("webhooks", "list"),
        "/v1/webhooks",
        [WEBHOOK],
        ["- disabled", "https://hooks.test/", "dev.meshwright.mesh", "all"],
    ),
    (
        ("webhooks", "deliveries", "ops"),
        "/v1/webhooks/ops/deliveries",
        [DELIVERY],
        ["96", "… retrying", "3", "503", "slow"],
    ),
]
LISTS = [one for one in TABLES if isinstance(one[2], list)]
BESIDE = ("/v1/releases", "/v1/drift")
"""what a list of designs reads too"""


def served(server: Server, path: str, result: Any) -> Any:
    """Let the server have these documents; what it sends of them."""
    plain = msgspec.to_builtins(result)
    for other in BESIDE:
        server.on(f"GET {other}", server.page())
    server.on(f"GET {path}", server.page(*plain) if isinstance(result, list) else plain)
    return plain


@pytest.mark.parametrize(("command", "path", "result", "words"), TABLES, ids=lambda one: "")
def test_people_see_what_matters_and_programs_all(
    server: Server, terminal: Terminal, command: tuple[str, ...], path: str, result: Any, words: list[str]
) -> None:
    """A table has the facts with marks and units, nothing but the table is on stdout, and no line ends in blanks; JSON
    and YAML are the API's documents, whole and alike.
    """
    plain = served(server, path, result)
    if command == ("designs", "list"):
        server.on("GET /v1/designs/slow", server.json(plain[0], meshwright_version="7"))
    told = terminal.run(*command)
    assert told.stderr == ""
    for word in words:
        assert word in told.stdout, told.stdout
    assert not [line for line in told.stdout.splitlines() if line != line.rstrip()]
    assert "None" not in told.stdout
    assert json.loads(terminal.run(*command, "-o", "json").stdout) == plain
    assert yaml.safe_load(terminal.run(*command, "-o", "yaml").stdout) == plain


@pytest.mark.parametrize(("command", "path"), [one[:2] for one in LISTS], ids=lambda one: "")
def test_an_empty_list_says_what_comes_next(
    server: Server, terminal: Terminal, command: tuple[str, ...], path: str
) -> None:
    """People get the command that creates a first one; programs get an empty list and exit code 0."""
    served(server, path, [])
    told = terminal.run(*command)
    if command[:2] not in (("workspaces", "list"), ("designs", "versions")):  # which are never empty
        assert told.stdout.startswith("No ")
        assert "meshwright" in told.stdout
    assert json.loads(terminal.run(*command, "-o", "json").stdout) == []


def test_a_workload_is_shown_with_the_state_of_its_own_proxy(server: Server, terminal: Terminal) -> None:
    """Proxies of one name in two meshes are kept apart; a workload without one says so."""
    twin = msgspec.structs.replace(WORKLOAD, id="m2~~process~a", mesh="m2")
    other = msgspec.structs.replace(PROXY, id="m2~~p1", mesh="m2", workload=twin.id, state="synced")
    away = msgspec.structs.replace(WORKLOAD, id="m1~~process~b", name="b")
    served(server, "/v1/workloads", [WORKLOAD, twin, away])
    served(server, "/v1/proxies", [PROXY, other])
    head, *rows = terminal.run("workloads", "list").stdout.splitlines()
    assert ["✗ rejected" in rows[0], "✓ synced" in rows[1], "- no proxy" in rows[2]] == [True] * 3
    assert "10.0.0.1:9080" in rows[0]
    assert head.split() == ["WORKLOAD", "SERVICE", "VERSION", "ADDRESS", "MESH", "SIDECAR", "PROXY", "SEEN"]


def test_namespaces_and_kinds_are_shown_where_there_are_some(server: Server, terminal: Terminal) -> None:
    """A Deployment stands with its kind and namespace, and with the state of all its proxies together."""
    pods = made(
        workloads.Workload,
        id="m1~shop~deployment~a.v1",
        mesh="m1",
        connection="place",
        namespace="shop",
        kind="deployment",
        name="a.v1",
        service="a",
    )
    proxies = [
        msgspec.structs.replace(PROXY, id=f"m1~shop~{name}", namespace="shop", name=name, workload=pods.id, state=state)
        for name, state in (("a-0", "synced"), ("a-1", "stale"), ("a-2", "synced"))
    ]
    served(server, "/v1/workloads", [pods])
    served(server, "/v1/proxies", proxies)
    head, row = terminal.run("workloads", "list").stdout.splitlines()
    assert head.split() == ["WORKLOAD", "NAMESPACE", "KIND", "SERVICE", "VERSION", "MESH", "PROXY", "SEEN"]
    assert row.split()[:4] == ["a.v1", "shop", "deployment", "a"]
    assert "… stale (2 of 3 synced)" in row
    head, row, *_ = terminal.run("proxies", "list").stdout.splitlines()
    assert head.split()[:3] == ["PROXY", "NAMESPACE", "WORKLOAD"]
    assert row.split()[:3] == ["a-0", "shop", "a.v1"]


def test_the_graph_names_namespaces_where_there_are_some(server: Server, terminal: Terminal) -> None:
    """Callers and services of equal names are distinguished, also those without traffic."""
    edge: dict[str, Any] = {
        "source": "front",
        "source_namespace": "shop",
        "destination": "cart",
        "destination_namespace": "shop",
    }
    edge |= {"requests": 5, "errors": 0, "rate": 1.0, "error_rate": 0.0}
    nodes = [
        {"id": f"{namespace}/{name}", "namespace": namespace, "workloads": [name], "versions": ["v1"]}
        for namespace, name in (("shop", "cart"), ("shop", "front"), ("test", "cart"))
    ]
    served(server, "/v1/meshes/m1/topology", {"mesh": "m1", "seconds": 5.0, "nodes": nodes, "edges": [edge]})
    told = terminal.run("topology", "-m", "m1").stdout
    assert "shop/front   →   shop/cart" in told
    assert "without traffic: test/cart" in told


def test_a_workload_is_found_by_what_people_call_it(server: Server, terminal: Terminal) -> None:
    """A name, a name in its namespace or the id will do; where a name is of several, they are listed."""
    server.on("GET /v1/workloads/m1~~process~a", WORKLOAD)
    served(server, "/v1/workloads", [WORKLOAD])
    for name in ("a", "shop/a", WORKLOAD.id):
        assert json.loads(terminal.run("workloads", "show", name, "-o", "json").stdout)["id"] == WORKLOAD.id
    asked = [call.query for call in server.calls]
    assert (asked[0]["name"], asked[1]["name"], asked[1]["namespace"], asked[2]) == (["a"], ["a"], ["shop"], {})
    twin = msgspec.structs.replace(WORKLOAD, id="m2~~process~a", mesh="m2")
    served(server, "/v1/workloads", [WORKLOAD, twin])
    told = terminal.run("workloads", "show", "a", expect=2).stderr
    assert all(text in told for text in (WORKLOAD.id, twin.id, "--mesh"))
    served(server, "/v1/workloads", [])
    assert (
        "There are no workloads in mesh m1." in terminal.run("workloads", "show", "a", "--mesh", "m1", expect=3).stderr
    )
    assert server.calls[-1].query["mesh"] == ["m1"]


def test_members_are_named_as_the_mesh_has_them(server: Server, terminal: Terminal) -> None:
    """A namespace or what runs in one is enrolled and withdrawn by reference, with or without a restart."""
    for path in ("/v1/meshes/m1/workloads", "/v1/meshes/m1:withdraw"):
        server.on(f"POST {path}", server.json(OPERATION, 202))
    place = ("-m", "m1", "--no-wait", "--namespace", "shop")
    terminal.run("workloads", "enrol", *place, "--restart")
    assert json.loads(server.calls[-1].body)["members"] == [
        {"member": "namespace", "namespace": "shop", "restart": True}
    ]
    terminal.run("workloads", "withdraw", *place, "--yes", "--controller", "deployment/a.v1")
    assert server.calls[-1].path == "/v1/meshes/m1:withdraw"
    assert json.loads(server.calls[-1].body)["members"] == [
        {"member": "workload", "namespace": "shop", "kind": "deployment", "name": "a.v1", "restart": False}
    ]
    terminal.run("workloads", "enrol", "-m", "m1", expect=2)
    terminal.run("workloads", "enrol", "-m", "m1", "--controller", "deployment/a", expect=2)
    terminal.run("workloads", "enrol", *place, "--controller", "a", expect=2)
    terminal.run("workloads", "withdraw", "-m", "m1", expect=2)


STATES = {
    word
    for kind in (
        operations.OperationState,
        meshes.MeshState,
        designs.ReleaseState,
        workloads.SyncState,
        webhooks.DeliveryState,
        operations.Step.__annotations__["state"],
        dead_letters.DeadLetterRecord.__annotations__["state"],
    )
    for word in get_args(kind)
}


@pytest.mark.parametrize("word", sorted(STATES))
def test_every_state_of_the_contract_has_a_mark_beside_its_colour(word: str) -> None:
    """No state is shown by colour alone, and a failure never looks successful or open."""
    text = views.state(word)
    mark, _, name = text.plain.partition(" ")
    assert name == word.replace("_", " ")
    bad = word in ("failed", "timed_out", "dead_lettered", "undo_failed", "rejected", "degraded")
    assert (mark == "✗") == bad
    assert mark in "✓✗…-"
    assert text.style == {"✓": "green", "✗": "red", "…": "yellow", "-": "dim"}[mark]


@pytest.mark.parametrize(
    ("applied", "drifted", "words"),
    [
        ([], [], "not applied"),
        ([{"id": "slow"}], [], "✓ synced"),
        ([{"id": "slow"}, {"id": "slow", "description": "before"}], [], "… different"),
        ([{"id": "slow"}], [{"design": "slow", "mesh": "demo"}], "✗ drifted"),
        ([{"id": "other"}], [{"design": "other", "mesh": "demo"}], "not applied"),
    ],
)
def test_a_design_says_where_it_is_applied_and_whether_that_stands(
    applied: list[dict[str, Any]], drifted: list[dict[str, Any]], words: str
) -> None:
    """Applied as the newest version says, as another does, changed by others, or nowhere."""
    releases = [{"design": each, "mesh": "demo"} for each in applied]
    shown = io.StringIO()
    console(shown).print(rendered.designs([{"id": "slow"}], {"slow": 3}, releases, drifted))
    assert words in shown.getvalue()
    assert ("demo" in shown.getvalue()) == any(each["id"] == "slow" for each in applied)


def test_a_drift_shows_each_field_with_what_is_wanted_and_what_is_there(server: Server, terminal: Terminal) -> None:
    """Of one design, by resource."""
    seen = {
        "id": ULID, "design": "slow", "mesh": "m1", "connection": "c", "revision": 2, "detected_at": AT,
        "resources": [{
            "ref": {"kind": "VirtualService", "name": "reviews", "namespace": "shop"}, "change": "changed",
            "fields": [{"path": "/spec/http/0/timeout", "wanted": "1s", "there": "9s"}], "more_fields": 3,
        }],
    }  # fmt: skip
    served(server, "/v1/drift", [seen])
    out = terminal.run("drift", "show", "slow").stdout
    for text in ("VirtualService", "shop/reviews", "changed", "/spec/http/0/timeout", '"1s"', '"9s"', "3 more fields"):
        assert text in out
    assert out.index("WANTED") < out.index("THERE")
