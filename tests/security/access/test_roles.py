"""Every route with every kind of caller, from the served document: exactly the documented callers are admitted.

Invariant: no route is named here except the public ones, so a new one is tested automatically; one without a role
fails, and so does one for whose path no tenant has a resource.
"""

from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest

from meshwright.core import bus as mwbus
from meshwright.schemas.access import ROLE_ORDER
from meshwright.ui_api.access import authentication
from meshwright.ui_api.routes import ALL
from rig.inputs import openapi_walk
from rig.inputs.openapi_walk import Operation
from rig.intruders.environment import Environment, Wishes
from rig.stack.signing_in import Session, sign_in
from rig.stack.stack import TOKEN

pytestmark = pytest.mark.servers
OPEN = {
    "getHealth", "getReadiness", "getMetrics", "getOpenApi", "getAsyncApi", "getDocs", "getDocsStyle", "getDocsScript",
    "listProblemTypes", "getProblemType", "signIn",
}  # fmt: skip
"""what anybody may ask: the state of the process, what it speaks, and to sign in"""
ABOUT_SESSIONS = {"signOut", "createSessionCode"}
"""what a session ends, and what it may not do"""
SLUGS = {401: "unauthenticated", 403: "forbidden", 404: "not-found"}


class Caller(msgspec.Struct, frozen=True):
    """A client that requests tenant one's resources: its token, its role, and the scope of that role."""

    authorization: str
    role: str = ""
    home: str = ""
    session: Session | None = None

    def refusal(self, operation: Operation, workspace: str) -> int:
        """The status of the refusal, 0 when the caller is to be let in."""
        if operation.role is None:
            return 0
        if not self.role:
            return 401
        if self.home not in ("*", workspace):
            return 404
        lesser = ROLE_ORDER.index(self.role) < ROLE_ORDER.index(operation.role)
        return 403 if lesser or (operation.everywhere and self.home != "*") else 0


def _of_tenant(tenant: str, role: str) -> Callable[[Environment], Caller]:
    def result(environment: Environment) -> Caller:
        who = getattr(environment, tenant)
        return Caller(f"Bearer {who.tokens[role]}", role, who.workspace)

    return result


def _signed_in(tenant: str, role: str) -> Callable[[Environment], Caller]:
    def result(environment: Environment) -> Caller:
        who = getattr(environment, tenant)
        begun = sign_in(environment.stack.url, token=who.tokens[role])
        return Caller("", role, who.workspace, begun)

    return result


def _everywhere(role: str) -> Callable[[Environment], Caller]:
    return lambda environment: Caller(f"Bearer {environment.everywhere[role]}", role, "*")


CALLERS: dict[str, Callable[[Environment], Caller]] = {
    "without a token": lambda environment: Caller(""),
    "with a token that is none": lambda environment: Caller(f"Bearer mwt_{'A' * 43}"),
    "with a password": lambda environment: Caller("Basic YWRtaW46YWRtaW4="),
    "with the digest of a token": lambda environment: Caller(
        f"Bearer {authentication.digest(environment.one.tokens['admin'])}"
    ),
    "with a revoked token": lambda environment: Caller(f"Bearer {environment.one.dead['revoked']}"),
    "with an expired token": lambda environment: Caller(f"Bearer {environment.one.dead['expired']}"),
    **{f"{role} of the workspace": _of_tenant("one", role) for role in ROLE_ORDER},
    **{f"{role} of another workspace": _of_tenant("other", role) for role in ROLE_ORDER},
    **{f"{role} of all workspaces": _everywhere(role) for role in ROLE_ORDER},
    "with a cookie that is none": lambda environment: Caller("", session=Session("A" * 43, "B" * 64)),
    "viewer of the workspace, signed in": _signed_in("one", "viewer"),
    "operator of the workspace, signed in": _signed_in("one", "operator"),
    "admin of another workspace, signed in": _signed_in("other", "admin"),
    "the first admin": lambda environment: Caller(f"Bearer {TOKEN}", "admin", "*"),
}


def test_every_route_is_in_the_document_with_its_role(document: dict[str, Any], served: list[Operation]) -> None:
    """The served routes are the declared ones, and each has its role."""
    assert {(one.method, one.path, one.id) for one in served} == {(r.method, r.path, r.operation_id) for r in ALL}
    assert {one.id for one in served if one.role is None} == OPEN
    assert {one.role for one in served if one.role is not None} == set(ROLE_ORDER)
    for one in served:
        declared = document["paths"][one.path][one.method.lower()]
        assert (declared.get("security") == []) == (one.role is None), one.id
        if one.role is not None:
            assert {"401", "403", "404"} <= set(one.statuses), one.id
            assert one.statuses["403"] == ["application/problem+json"], one.id


async def test_nothing_is_served_beside_the_document(client: httpx.AsyncClient) -> None:
    """The pages that a web framework brings along are not there."""
    for path in ("/redoc", "/docs/oauth2-redirect", "/docs/", "/static/", "/v1", "/v1/", "/", "/admin", "/debug"):
        assert (await client.get(path)).status_code == 404, path


@pytest.mark.parametrize("who", CALLERS)
async def test_who_may_not_is_refused_and_changes_nothing(
    environment: Environment, served: list[Operation], wishes: Wishes, client: httpx.AsyncClient, who: str
) -> None:
    """A valid request for an existing resource without the role is refused as declared, and nothing is written."""
    caller, one = CALLERS[who](environment), environment.one
    refused = [operation for operation in served if caller.refusal(operation, one.workspace)]
    asked = 0
    async with mwbus.connect(environment.stack.nats.url, "tester") as bus:
        before = [await bus.stream_bounds(stream) for stream in ("STATE", "COMMANDS")]
        for operation in refused:
            for request in wishes[operation.id]:
                answer = await _ask(client, caller, one.workspace, operation, *request)
                _check(answer, caller.refusal(operation, one.workspace))
                assert not one.leaked(answer), answer.text
                asked += 1
        assert before == [await bus.stream_bounds(stream) for stream in ("STATE", "COMMANDS")]
    print(f"\n{who}: {asked} requests refused")
    assert asked >= len(refused)


@pytest.mark.parametrize(
    "who", [who for who in CALLERS if "the workspace" in who or who.endswith(("all workspaces", "admin"))]
)
async def test_who_may_is_let_in(
    environment: Environment,
    served: list[Operation],
    wishes: Wishes,
    document: dict[str, Any],
    client: httpx.AsyncClient,
    who: str,
) -> None:
    """With the role a client reads the resource, and is never refused for its role."""
    caller, one = CALLERS[who](environment), environment.one
    for operation in served:
        if caller.refusal(operation, one.workspace) or (caller.session and operation.id in ABOUT_SESSIONS):
            continue
        if operation.writes:  # of something that is not there, so that what others look at stays
            names = ("nobody",) * len(operation.places)
            answer = await _ask(
                client, caller, one.workspace, operation, names, openapi_walk.body(document, operation, id="nobody")
            )
            assert answer.status_code not in (401, 403), answer.text
            assert answer.status_code < 500 or answer.status_code == 503, answer.text
            continue
        for places, _ in wishes[operation.id]:
            answer = await _ask(client, caller, one.workspace, operation, places, None)
            # a viewer reads only the events that its lists show, which `test_events` checks
            hidden = operation.id == "getEvent" and caller.role == "viewer" and answer.status_code == 404
            none = operation.id == "getWorkloadLogs" and "workloads write no log" in answer.text
            assert hidden or none or answer.status_code == 200, (answer.url, answer.text)


async def _ask(
    client: httpx.AsyncClient, caller: Caller, workspace: str, operation: Operation, places: tuple[str, ...], body: Any
) -> httpx.Response:
    headers = {"Authorization": caller.authorization, "Meshwright-Workspace": workspace, "If-Match": "*"}
    if caller.session:
        headers |= caller.session.headers(str(client.base_url))
    options = {} if body is None else {"json": body}
    return await client.request(operation.method, operation.at(*places), headers=headers, **options)


def _check(answer: httpx.Response, status: int) -> None:
    where = f"{answer.request.method} {answer.url}: {answer.text}"
    assert answer.status_code == status, where
    assert answer.headers["content-type"] == "application/problem+json", where
    assert answer.json()["type"] == f"/problems/{SLUGS[status]}", where
    assert (answer.headers.get("www-authenticate") == "Bearer") == (status == 401), where
