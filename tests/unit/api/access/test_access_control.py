"""Who may do what, where: every combination of role, workspace and time, and the memory that decides it."""

import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshwright.core.bus import Reply
from meshwright.schemas import access, connections, meshes
from meshwright.ui_api.access import authentication
from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.requests.directory import Directory
from meshwright.ui_api.requests.live_adapters import LiveAdapters
from rig.stack.people import Person

Harness = Any
SPACES = ("default", "blue", "green")
property_test = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
roles = st.sampled_from(access.ROLE_ORDER)


def access_control(*spaces: str) -> tuple[authentication.AccessControl, Directory]:
    """Access control with these workspaces besides the default one."""
    directory = Directory()
    for name in spaces:
        message = access.WorkspaceWritten(document=access.Workspace(id=name), principal="test")
        directory.learn(f"mw.state.{name}.workspace.{name}", message)
    return authentication.AccessControl(directory, authentication.digest("the admin's own secret")), directory


@given(roles, st.sampled_from((*SPACES, "*")), st.sampled_from((*SPACES, "never-made", "system")), roles)
def test_a_role_counts_in_its_own_workspace_only(role: access.Role, home: str, asked: str, needed: access.Role) -> None:
    """Admitted is who has at least the role, in the own workspace or everywhere; elsewhere looks like nowhere."""
    harness, _ = access_control("blue", "green")
    principal = access.Principal(name="p", role=role, workspace=home)
    outcome = ""
    try:
        harness.admit(principal, asked, needed)
    except Refusal as error:
        outcome = error.slug
    visible = asked in SPACES and home in ("*", asked)
    enough = access.ROLE_ORDER.index(role) >= access.ROLE_ORDER.index(needed)
    assert outcome == ("not-found" if not visible else "" if enough else "forbidden")


@given(st.text(max_size=40))
def test_no_header_but_a_known_token_lets_anybody_in(header: str) -> None:
    """Every Authorization header is refused, unless it is Bearer and the secret of a token."""
    harness, _ = access_control()
    for text in (header, f"Bearer {header}", f"Basic {header}", f"Bearer the admin's own secret{header.strip()}x"):
        with pytest.raises(Refusal) as caught:
            harness.principal(text)
        assert caught.value.slug == "unauthenticated"
    assert harness.principal("bearer  the admin's own secret ") == authentication.ADMIN


def test_a_gate_without_an_admin_token_has_no_admin() -> None:
    """A server that was started without the file refuses an empty token."""
    harness = authentication.AccessControl(Directory(), "")
    for text in ("Bearer ", "Bearer", "Bearer  ", ""):
        with pytest.raises(Refusal):
            harness.principal(text)
    assert harness.by_digest("") is None


@given(st.integers(-5, 5), st.booleans())
def test_a_token_counts_until_it_expires(seconds: int, forever: bool) -> None:
    """A token ends at its moment, to the second, wherever in the world that was written."""
    harness, directory = access_control()
    zone = datetime.timezone(datetime.timedelta(hours=seconds))
    end = datetime.datetime.now(zone) + datetime.timedelta(seconds=seconds * 60)
    token = access.Token(
        id="t",
        sha256=authentication.digest("s" * 20),
        role="viewer",
        created_at=end,
        expires_at=None if forever else end,
    )
    directory.learn("mw.state.system.token.t", access.TokenWritten(document=token, principal="test"))
    assert (harness.by_digest(token.sha256) is not None) == (forever or seconds > 0)


def test_a_secret_is_long_unguessable_and_not_what_is_stored() -> None:
    """New tokens differ, are recognised by scanners, and cannot be derived from what is stored."""
    made = {authentication.new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(one.startswith("mwt_") and len(one) >= 47 for one in made)
    assert not any(one in authentication.digest(one) for one in made)


Step = tuple[str, str, str, int]
changes = st.lists(
    st.tuples(
        st.sampled_from(["token", "connection", "workspace", "mesh"]),
        st.sampled_from(["blue", "green"]),
        st.sampled_from(["a", "b"]),
        st.integers(0, 4),
    ),
    max_size=25,
)


def told(kind: str, space: str, name: str, number: int) -> tuple[str, Any]:
    """What was written of one entity: a version, or for 0 its end."""
    place = space if kind == "workspace" else name
    if kind == "mesh":
        subject = f"mw.evt.{space}.trial.mesh.{name}"
        mesh = meshes.Mesh(id=name, kind="trial", connection=f"c{number}", adapter="trial", observed_at=MOMENT)
        return subject, meshes.MeshObserved(mesh=mesh) if number else meshes.MeshRemoved(id=name, connection="c")
    subject = f"mw.state.{space}.{kind}.{place}"
    if not number:
        return subject, access.ResourceDeleted(kind=kind, id=place, principal="test")
    if kind == "token":
        token = access.Token(
            id=name, sha256=f"{space}{name}{number}", role="viewer", workspace=space, created_at=MOMENT
        )
        return subject, access.TokenWritten(document=token, principal="test")
    if kind == "connection":
        place_ = connections.Connection(id=name, kind="consul", description=str(number))
        return subject, connections.ConnectionWritten(document=place_, principal="test")
    return subject, access.WorkspaceWritten(document=access.Workspace(id=space), principal="test")


MOMENT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


@property_test
@given(changes)
def test_the_directory_is_the_newest_word_on_each_subject(changes: list[Step]) -> None:
    """Whatever is written in whatever order: what is known is the last version of each entity, and what ended is gone;
    of a token that was made again only the new secret counts.
    """
    directory, newest = Directory(), dict[tuple[str, str, str], int]()
    for kind, space, name, number in changes:
        directory.learn(*told(kind, space, name, number))
        newest[kind, space, space if kind == "workspace" else name] = number
    standing = {place: number for place, number in newest.items() if number}
    assert set(directory.workspaces) == {space for kind, space, _ in standing if kind == "workspace"}
    for space in ("blue", "green"):
        mine = {(kind, name): number for (kind, where, name), number in standing.items() if where == space}
        assert {token.id for token in directory.tokens(space)} == {name for kind, name in mine if kind == "token"}
        plural = {"connection": "connections", "token": "tokens", "mesh": "meshes"}
        assert directory.held(space) == sorted({plural[kind] for kind, _ in mine if kind in plural})
        for name in ("a", "b"):
            place, mesh = directory.connection(space, name), directory.mesh(space, name)
            number = mine.get(("mesh", name), 0)
            assert (int(place.description) if place else 0) == mine.get(("connection", name), 0)
            assert (mesh.connection if mesh else "") == (f"c{number}" if number else "")
            for version in range(1, 5):
                known = directory.token(f"{space}{name}{version}") is not None
                assert known == (mine.get(("token", name)) == version)
            on = [one for one in ("a", "b") if mine.get(("mesh", one)) == 1]
            assert directory.meshes_on(space, "c1") == on


async def test_a_token_acts_in_its_own_workspace_unless_it_says_another(harness: Harness) -> None:
    """Without the header a request is for the token's workspace; a workspace of another, or none at all, is 404."""
    harness.learn(
        "blue", "workspace", "blue", access.WorkspaceWritten(document=access.Workspace(id="blue"), principal="t")
    )
    person: Person = harness.person("operator", "blue")
    headers = {"Authorization": f"Bearer {person.token}"}
    answer = await harness.client.put("/v1/connections/c", json={"kind": "consul"}, headers=headers)
    assert answer.status_code == 201
    assert harness.bus.streams["STATE"][-1].subject == "mw.state.blue.connection.c"
    for workspace in ("default", "green"):
        await person.problem("GET", "/v1/whoami", workspace=workspace, status=404, slug="not-found")
    result = await person.problem("GET", "/v1/whoami", workspace="No Name", status=400, slug="invalid-request")
    assert result["errors"][0]["pointer"] == "#/header/Meshwright-Workspace"


async def test_an_admin_of_one_workspace_is_none_of_all(harness: Harness) -> None:
    """Workspaces, tokens for everywhere and the projection are for admins of all workspaces, who may do it all."""
    local, everywhere = harness.person("admin"), harness.person("admin", "*")
    for method, path, body in (
        ("PUT", "/v1/workspaces/w", {}),
        ("DELETE", "/v1/workspaces/w", None),
        ("POST", "/v1/tokens", {"id": "t", "role": "viewer", "everywhere": True}),
        ("GET", "/v1/system/set-aside", None),
    ):
        await local.problem(method, path, body, status=403, slug="forbidden")
        await everywhere.ask(method, path, body, If_Match="" if method == "PUT" else "*")
    mine = [one["id"] for one in (await local.get("/v1/tokens"))["items"]]
    theirs = [one["id"] for one in (await everywhere.get("/v1/tokens"))["items"]]
    assert mine < theirs
    await local.problem("DELETE", f"/v1/tokens/{theirs[-1]}", status=404, slug="not-found")


async def test_a_workspace_is_not_removed_with_keys_to_it_left(harness: Harness) -> None:
    """A tenant's token never opens a later workspace of the same name: it has to be revoked before."""
    await harness.admin.put("/v1/workspaces/blue", {})
    harness.learn(
        "blue", "workspace", "blue", access.WorkspaceWritten(document=access.Workspace(id="blue"), principal="t")
    )
    person = harness.person("admin", "blue")
    await person.get("/v1/whoami")
    answer = await harness.admin.problem("DELETE", "/v1/workspaces/blue", status=409, slug="in-use", If_Match="*")
    assert answer["detail"] == "workspace blue still has tokens: remove them first"
    [token] = harness.directory.tokens("blue")
    gone = access.ResourceDeleted(kind="token", id=token.id, principal="t")
    harness.learn("blue", "token", token.id, gone)
    await harness.admin.ask("DELETE", "/v1/workspaces/blue", If_Match="*", expect=204)
    await person.problem("GET", "/v1/whoami", status=401, slug="unauthenticated")


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
async def test_metrics_are_open_to_this_machine_only(harness: Harness, header: str) -> None:
    """From loopback no token is needed; what a proxy on this machine passes on needs one, however it says so."""
    assert (await harness.client.get("/metrics")).status_code == 200
    told = {header: "for=8.8.8.8"}
    assert (await harness.client.get("/metrics", headers=told)).status_code == 401
    viewer = harness.person("viewer")
    told["Authorization"] = f"Bearer {viewer.token}"
    assert (await harness.client.get("/metrics", headers=told)).status_code == 200


@given(st.binary(max_size=30) | st.sampled_from([b'"\xff"', b'{"name": "\xff"}', b"null", b"{}"]))
def test_presence_that_cannot_be_read_offers_nothing(junk: bytes) -> None:
    """No bytes in the bucket of presence end the process that watches it."""
    live_adapters = LiveAdapters()
    live_adapters.learn("trial.i", junk)
    assert live_adapters.alive() == []


async def test_what_a_worker_says_of_a_preview_becomes_the_callers_refusal(harness: Harness) -> None:
    """A considered no is 422 with its cause and remedy, a defect or nonsense 502, slowness 504; nothing is stored."""
    harness.mesh()
    no = b'{"code":"X1","what":"it cannot","cause":"because","remedy":"do this"}'
    codes = {"422": ("invalid-document", 422), "500": ("adapter-failed", 502), "503": ("adapter-slow", 504)}
    codes |= {"504": ("adapter-slow", 504), "413": ("too-large", 413)}
    cases: list[tuple[Any, str, int]] = [
        (Reply(no, {"Nats-Service-Error-Code": code, "Nats-Service-Error": "no"}), slug, status)
        for code, (slug, status) in codes.items()
    ]
    cases += [(Reply(junk, {}), "adapter-failed", 502) for junk in (b"{", b'"\xff"', b"[]")]
    for answer, slug, status in cases:

        async def asked(*_: Any, answer: Any = answer, **__: Any) -> Any:
            return answer

        harness.bus.ask = asked
        body = {"mesh": "m1", "design": {"id": "d"}}
        result = await harness.admin.problem("POST", "/v1/designs/d:diff", body, status=status, slug=slug)
        if slug == "invalid-document":
            assert (result["errors"][0]["detail"], result["remedy"]) == ("because", "do this")
    assert not [one for stream in harness.bus.streams.values() for one in stream]
