"""Everything wrong that people send: a clear typed refusal, nothing changed, the process as well as before."""

from typing import Any

import pytest

from rig.stack.people import TIMEOUT, Person

pytestmark = pytest.mark.servers
SPLIT = {"intent": "traffic-split", "service": "reviews", "backends": [{"version": "v1", "weight": 90}]}
BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n" % ((98 + n, 98 + n) + (97 + n,) * 9) for n in range(8)
)

DOCUMENTS: dict[str, tuple[Any, str]] = {
    "an unknown field": ({"intent": []}, "#/intent"),
    "an unknown field inside": ({"intents": [TIMEOUT | {"servce": "x"}]}, "#/intents/0/servce"),
    "a wrong type": ({"intents": "none"}, "#/intents"),
    "weights that do not add up": ({"intents": [SPLIT]}, "#/intents/0/backends"),
    "an unknown intent": ({"intents": [{"intent": "magic"}]}, "#/intents/0/intent"),
    "a missing field": ({"intents": [{"intent": "timeout"}]}, "#/intents/0"),
    "a name that is none": ({"intents": [TIMEOUT | {"service": "Not A Name"}]}, "#/intents/0/service"),
    "another id": ({"id": "other"}, "#/id"),
    "a list": ([], "#"),
    "a bad duration": ({"intents": [TIMEOUT | {"timeout": "soon"}]}, "#/intents/0/timeout"),
    "a status that is none": (
        {"intents": [{"intent": "fault-abort", "service": "a", "status": 999}]},
        "#/intents/0/status",
    ),
}


@pytest.mark.parametrize("what", DOCUMENTS)
async def test_a_wrong_document_is_refused_with_its_place(admin: Person, what: str) -> None:
    """A document that breaks the contract is 422 with a pointer to what is wrong."""
    document, pointer = DOCUMENTS[what]
    answer = await admin.problem("PUT", "/v1/designs/d", document, status=422, slug="invalid-document")
    assert pointer in [error["pointer"] for error in answer["errors"]], answer


YAMLS: dict[str, bytes] = {
    "a bomb": BOMB,
    "many aliases": b"a: &a 1\nb: [" + b"*a," * 101 + b"]\n",
    "deep nesting": b"[" * 100 + b"]" * 100,
    "very deep nesting": b"[" * 200_000,
    "a tag": b"!!python/object/apply:os.system [true]\n",
    "a key twice": b"description: a\ndescription: b\n",
    "two documents": b"{}\n---\n{}\n",
    "an unknown alias": b"a: *b\n",
    "an alias of itself": b"a: &a [*a]\n",
    "no yaml": b"a: [\n",
    "no text": b"a: \xff\xff",
    "a key that is a list": b"? [a]\n: b\n",
    "a control character": b"description: \x07\n",
}


@pytest.mark.parametrize("what", YAMLS)
async def test_dangerous_yaml_is_refused(admin: Person, what: str) -> None:
    """Aliases, depth, tags and damage in YAML are 400 within a moment."""
    await admin.problem(
        "PUT",
        "/v1/designs/d",
        content=YAMLS[what],
        Content_Type="application/yaml",
        status=400,
        slug="invalid-request",
    )


BODIES: dict[str, tuple[bytes, str, int, str]] = {
    "no json": (b"{", "application/json", 400, "invalid-request"),
    "json with a bad escape": (b'{"description": "\\x"}', "application/json", 400, "invalid-request"),
    "json that is no text": (b'{"description": "\xff"}', "application/json", 400, "invalid-request"),
    "deep json": (b"[" * 300_000, "application/json", 400, "invalid-request"),
    "empty": (b"", "application/json", 400, "invalid-request"),
    "a form": (b"a=b", "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
    "10 MB": (b'{"description": "' + b"x" * 10_000_000 + b'"}', "application/json", 413, "too-large"),
    "10 MB of yaml": (b"description: " + b"x" * 10_000_000, "application/yaml", 413, "too-large"),
}


@pytest.mark.parametrize("what", BODIES)
async def test_a_body_that_cannot_be_read_is_refused(admin: Person, what: str) -> None:
    """Damage, size and format of a body each have their own refusal."""
    content, media_type, status, slug = BODIES[what]
    await admin.problem("PUT", "/v1/designs/d", content=content, Content_Type=media_type, status=status, slug=slug)


async def test_a_large_body_without_a_length_is_cut_off(admin: Person) -> None:
    """A stream of bytes without Content-Length is refused as soon as it passes the bound."""

    async def endless() -> Any:
        for _ in range(64):
            yield b" " * 65536

    await admin.problem(
        "PUT", "/v1/designs/d", content=endless(), Content_Type="application/json", status=413, slug="too-large"
    )


async def test_what_does_not_fit_on_the_bus_is_refused(admin: Person) -> None:
    """A body below the bound whose message would exceed NATS's limit is 413, not an outage."""
    resources = [{"type": "a/B", "name": f"r{n}", "body": {"text": "x" * 10_000}} for n in range(100)]
    await admin.problem("PUT", "/v1/designs/d", {"resources": resources}, status=413, slug="too-large")


REQUESTS: dict[str, tuple[str, str, Any, int, str]] = {
    "a mesh that is not there": ("POST", "/v1/designs/d:apply", {"mesh": "nowhere"}, 422, "invalid-document"),
    "a connection that is not there": (
        "POST",
        "/v1/meshes",
        {"id": "m", "connection": "nowhere", "kind": "trial"},
        422,
        "invalid-document",
    ),
    "workloads of a missing mesh": (
        "POST",
        "/v1/meshes/nowhere/workloads",
        {"workloads": [{"name": "a", "service": "a", "port": 1}]},
        404,
        "not-found",
    ),
    "a name that is none": ("GET", "/v1/meshes/..%2Fetc", None, 404, "not-found"),
    "an operation id that is none": ("GET", "/v1/operations/x", None, 404, "not-found"),
    "a path that is not served": ("GET", "/v1/nothing", None, 404, "not-found"),
    "a method that is not taken": ("PATCH", "/v1/meshes", None, 405, "method-not-allowed"),
    "an unknown parameter": ("GET", "/v1/meshes?colour=red", None, 400, "invalid-request"),
    "a filter outside of the enum": ("GET", "/v1/operations?state=lost", None, 400, "invalid-request"),
    "a sort outside of the enum": ("GET", "/v1/operations?order_by=%24where", None, 400, "invalid-request"),
    "a negative page": ("GET", "/v1/meshes?page_size=-1", None, 400, "invalid-request"),
    "a parameter twice": ("GET", "/v1/meshes?kind=a&kind=b", None, 400, "invalid-request"),
    "no workloads": ("POST", "/v1/meshes/m/workloads", {"workloads": []}, 422, "invalid-document"),
    "a member without its kind": (
        "POST",
        "/v1/meshes/m/workloads",
        {"members": [{"namespace": "shop"}]},
        422,
        "invalid-document",
    ),
    "nothing to withdraw": ("POST", "/v1/meshes/m:withdraw", {"members": []}, 422, "invalid-document"),
    "a workload's id that is none": ("GET", "/v1/workloads/a*b", None, 404, "not-found"),
    "a workload of no kind": ("DELETE", "/v1/workloads/m~~thing~a", None, 404, "not-found"),
    "a workload by its name alone": ("DELETE", "/v1/workloads/reviews", None, 404, "not-found"),
    "a deadline of two days": (
        "POST",
        "/v1/operations",
        {"kind": "a", "mesh": "m", "deadline_seconds": 200000},
        422,
        "invalid-document",
    ),
}


@pytest.mark.parametrize("what", REQUESTS)
async def test_a_wrong_request_is_refused(admin: Person, what: str) -> None:
    """Each mistake has its status and its kind of problem."""
    method, path, body, status, slug = REQUESTS[what]
    await admin.problem(method, path, body, status=status, slug=slug)


async def test_page_sizes_above_the_bound_are_cut(admin: Person) -> None:
    """A page size above 500 is not an error."""
    assert (await admin.get("/v1/meshes", params={"page_size": 100_000}))["items"] == []


OPERATIONS: dict[str, tuple[dict[str, Any], int, str, str]] = {
    "an unknown kind": ({"kind": "trial.unknown"}, 503, "adapter-unavailable", ""),
    "an adapter that is down": (
        {"kind": "a", "adapter": "absent", "mesh": "new", "connection": "place"},
        503,
        "adapter-unavailable",
        "",
    ),
    "a future version": ({"kind": "mesh.install", "version": 99}, 503, "adapter-unavailable", ""),
    "a wrong argument": (
        {"kind": "mesh.install", "arguments": {"trust": 1}},
        422,
        "invalid-document",
        "#/arguments/trust",
    ),
    "another adapter": ({"kind": "trial.noop", "adapter": "envoy"}, 422, "invalid-document", "#/mesh"),
    "a design with bad weights": (
        {"kind": "design.apply", "arguments": {"design": {"id": "d", "intents": [SPLIT]}}},
        422,
        "invalid-document",
        "#/arguments/design",
    ),
}


@pytest.mark.parametrize("what", OPERATIONS)
async def test_a_wrong_operation_is_refused_and_nothing_is_accepted(admin: Person, what: str) -> None:
    """What cannot be done now is refused before anything is stored."""
    body, status, slug, pointer = OPERATIONS[what]
    await admin.mesh()
    before = await admin.get("/v1/operations")
    answer = await admin.problem("POST", "/v1/operations", {"mesh": "m1", **body}, status=status, slug=slug)
    assert not pointer or answer["errors"][0]["pointer"].startswith(pointer), answer
    assert (await admin.get("/v1/operations"))["items"] == before["items"]


@pytest.mark.parametrize("key", ['"', "", "x" * 257, "\u00e9"])
async def test_a_bad_idempotency_key_is_refused(admin: Person, key: str) -> None:
    """A key that cannot be one is 400; an empty header counts as none."""
    headers = {b"Idempotency-Key": key.encode()} if key else {}
    answer = await admin.client.post(
        "/v1/operations",
        json={"kind": "a", "mesh": "nowhere"},
        headers={
            b"Authorization": f"Bearer {admin.token}".encode(),
            b"Meshwright-Workspace": admin.workspace.encode(),
            **headers,
        },
    )
    assert answer.status_code == (400 if key else 422), answer.text
