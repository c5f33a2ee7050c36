"""Two tenants with resources of every kind, for tests of access control.

Invariant: everything that a tenant has contains a unique word, in its names as in its contents; so a response to
another tenant that contains such a word, and was not sent it, is a leak.
"""

import asyncio
import datetime
import functools
import re
import secrets
import urllib.parse
from typing import Any

import httpx

from meshwright.core import bus as mwbus
from meshwright.core.testing.eventually import eventually
from meshwright.schemas import discovery, subjects
from meshwright.schemas.access import ROLE_ORDER
from meshwright.schemas.references import ResourceRef
from rig.inputs.openapi_walk import Operation
from rig.stack.people import Person, Refusal

_EXPIRES_S = 2.0


class Tenant:
    """A workspace, its tokens by role, and the words by which its things are known."""

    def __init__(self, admin: Person, mark: str) -> None:
        self.admin = admin
        self.mark = mark
        self.workspace = admin.workspace
        self.tokens: dict[str, str] = {}
        self.dead: dict[str, str] = {}
        """tokens that count no more, by what became of them"""
        self.words: set[str] = {mark}
        """what stands in its things and nowhere else"""

    def leaked(self, answer: httpx.Response) -> set[str]:
        """The words of this tenant in a response, body and headers, to a client that had not sent them."""
        request = answer.request
        said = f"{urllib.parse.unquote(str(request.url))} {request.headers} {request.content.decode()}"
        return self.named(f"{answer.headers} {answer.text}") - self.named(said)

    def named(self, text: str) -> set[str]:
        """The words of this tenant in a text."""
        return {word for word in self.words if word in text}

    def person(self, client: httpx.AsyncClient, role: str) -> Person:
        """A user of this tenant."""
        return Person(client, self.tokens[role], self.workspace)


async def plant(client: httpx.AsyncClient, token: str, hook: str) -> Tenant:
    """A new tenant; `token` is that of an admin of all workspaces, `hook` the URL that its webhook leads to.

    Needs a stack with the scripted adapter and a notifier.
    """
    mark = f"q{secrets.token_hex(5)}"
    admin = Person(client, token, f"w-{mark}")
    await admin.put(f"/v1/workspaces/{admin.workspace}", {"description": f"of {mark}"}, workspace="default")
    await admin.until_it_counts()
    tenant = Tenant(admin, mark)
    await _tokens(tenant)
    await _written(tenant, hook)
    await _installed(tenant)
    await _applied(tenant)
    await _buried(tenant)
    await eventually(lambda: _items(admin, f"/v1/webhooks/{mark}/deliveries"))
    await _until_dead(tenant)
    return tenant


async def _tokens(tenant: Tenant) -> None:
    async def made(name: str, **more: Any) -> str:
        asked = {"id": f"{name}-{tenant.mark}", "role": "viewer", "description": f"of {tenant.mark}"} | more
        return str((await tenant.admin.post("/v1/tokens", asked)).json()["secret"])

    for role in ROLE_ORDER:
        tenant.tokens[role] = await made(role, role=role)
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=_EXPIRES_S)
    tenant.dead["expired"] = await made("expired", role="admin", expires_at=soon.isoformat())
    tenant.dead["revoked"] = await made("revoked", role="admin")
    await tenant.admin.ask("DELETE", f"/v1/tokens/revoked-{tenant.mark}", expect=204)


async def _until_dead(tenant: Tenant) -> None:
    for token in tenant.dead.values():
        person = Person(tenant.admin.client, token, tenant.workspace)
        await eventually(functools.partial(person.ask, "GET", "/v1/whoami", expect=401))


async def _written(tenant: Tenant, hook: str) -> None:
    admin, mark = tenant.admin, tenant.mark
    await admin.put(f"/v1/connections/{mark}", {"kind": "envoy-fleet", "labels": {"of": mark}}, expect=201)
    webhook = {"url": f"{hook}/{mark}", "description": f"of {mark}"}
    made = await admin.put(f"/v1/webhooks/{mark}", webhook, expect=201)
    tenant.words.add(made.json()["secret"])
    design = {"description": f"of {mark}", "intents": [_timeout(mark)]}
    first = await admin.put(f"/v1/designs/{mark}", design, expect=201)
    await admin.put(f"/v1/designs/{mark}", design | {"description": mark}, If_Match=first.headers["etag"], expect=200)
    await admin.put(f"/v1/designs/poison-{mark}", {"intents": [_timeout(mark)]}, expect=201)


async def _installed(tenant: Tenant) -> None:
    admin, mark = tenant.admin, tenant.mark

    async def asked() -> Any:
        wish = {"id": mark, "connection": mark, "kind": "scripted", "trust_domain": f"{mark}.local", "reason": mark}
        try:
            return await admin.do("/v1/meshes", wish)
        except Refusal:  # the connection does not count yet
            return None

    assert (await eventually(asked))["state"] == "succeeded"
    workloads = [{"name": mark, "service": f"s-{mark}", "version": f"v-{mark}", "port": 9000}]

    async def enrolled() -> Any:
        try:
            return await admin.do(f"/v1/meshes/{mark}/workloads", {"workloads": workloads})
        except Refusal:  # the mesh does not count yet
            return None

    assert (await eventually(enrolled))["state"] == "succeeded"


async def _applied(tenant: Tenant) -> None:
    admin, mark = tenant.admin, tenant.mark
    done = await admin.do(f"/v1/designs/{mark}:apply", {"mesh": mark, "reason": mark})
    assert done["state"] == "succeeded", done
    tenant.words.add(done["id"])
    (release,) = await eventually(lambda: _items(admin, "/v1/releases"))
    tenant.words.add(release["id"])


async def _buried(tenant: Tenant) -> None:
    done = await tenant.admin.do(
        f"/v1/designs/poison-{tenant.mark}:apply", {"mesh": tenant.mark, "reason": tenant.mark}
    )
    assert done["state"] == "dead_lettered", done
    tenant.words.add(done["id"])
    await eventually(lambda: _items(tenant.admin, "/v1/deadletters"))


async def _items(person: Person, path: str) -> list[Any]:
    return list((await person.get(path))["items"])


def _timeout(mark: str) -> dict[str, str]:
    return {"intent": "timeout", "service": f"s-{mark}", "timeout": "1s"}


async def both(url: str, token: str, hook: str) -> tuple[Tenant, Tenant]:
    """Two tenants on one server."""
    async with httpx.AsyncClient(base_url=url, timeout=20) as client:
        one, other = await asyncio.gather(plant(client, token, hook), plant(client, token, hook))
    return one, other


async def discovered(url: str, nats_url: str, *several: Tenant) -> None:
    """An object of a cluster for each tenant, and how its connection answers, as discovery publishes them."""
    async with mwbus.connect(nats_url, "tester") as bus, httpx.AsyncClient(base_url=url, timeout=20) as client:
        for tenant in several:
            ref = ResourceRef(kind="ConfigMap", namespace="default", name=tenant.mark)
            resource = discovery.ClusterResource(
                id=discovery.resource_id(tenant.mark, ref),
                connection=tenant.mark,
                kind=ref.kind,
                namespace=ref.namespace,
                name=ref.name,
                labels={"of": tenant.mark},
                observed_at=datetime.datetime.now(datetime.UTC),
                body={"data": {"of": tenant.mark}},
            )
            token = discovery.resource_token(ref)
            place = {"workspace": tenant.workspace, "connection": tenant.mark, "id": token}
            subject = subjects.fill(subjects.SEEN, **place)
            await bus.publisher.publish(subject, discovery.ResourceObserved(resource=resource))
            status = discovery.ConnectionStatus(id=tenant.mark, resources=1, observed_at=resource.observed_at)
            origin = {"workspace": tenant.workspace, "origin": subjects.DISCOVERY, "entity": "connection"}
            subject = subjects.fill(subjects.EVENTS, **origin, id=tenant.mark)
            await bus.publisher.publish(subject, discovery.ConnectionObserved(status=status))
            person = tenant.person(client, "viewer")
            await eventually(functools.partial(_items, person, "/v1/resources"))
            await eventually(functools.partial(person.get, f"/v1/connections/{tenant.mark}/status"))


async def everywhere(url: str, token: str) -> dict[str, str]:
    """A token of each role that holds in all workspaces."""
    async with httpx.AsyncClient(base_url=url, timeout=20) as client:
        admin = Person(client, token, "default")
        result: dict[str, str] = {}
        for role in ROLE_ORDER:
            asked = {"id": f"{role}-everywhere", "role": role, "everywhere": True}
            result[role] = str((await admin.post("/v1/tokens", asked)).json()["secret"])
    return result


async def places(person: Person, all_of_them: list[Operation], operation: Operation) -> list[tuple[str, ...]]:
    """The values of the parameters in an operation's path for everything that the user has, from the lists."""
    served = {one.path for one in all_of_them if one.method == "GET"}
    result: list[tuple[str, ...]] = [()]
    before, *rest = operation.path.split("/{")
    listing = before
    for part in rest:
        name, _, after = part.partition("}")
        deeper = []
        for values in result:
            # A list beside the item, or else the one of all items of that kind.
            path = listing if listing in served else f"/v1/{listing.rpartition('/')[2]}"
            items = await _items(person, _filled(path, values))
            deeper += [(*values, str(item[name] if name in item else item["id"])) for item in items]
        result = deeper
        listing = f"{listing}/{{{name}}}{after}"
    return result


def _filled(path: str, values: tuple[str, ...]) -> str:
    for value in values:
        path = re.sub(r"\{[a-z_]+\}", value, path, count=1)
    return path
