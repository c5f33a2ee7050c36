"""Which kinds of objects an API server serves, and where.

Problem: a reference names group and kind, a URL needs version and plural, and CustomResourceDefinitions come and go.
Invariant: what is served is read once and again whenever a kind is not known, at most once a second; that a kind is
unknown is said only after a look that began after the question. Versions stand in the server's order of preference.
"""

import asyncio
from collections.abc import Collection, Iterable
from urllib.parse import quote

import msgspec

from meshwright.core.kit.kubernetes import errors
from meshwright.core.kit.kubernetes.transport import JSON, Transport

_AGGREGATED = f"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,{JSON}"
_AGAIN = 1.0
"""seconds before an unknown kind has everything read again"""
_PAUSE = 0.25


class Api(msgspec.Struct, frozen=True):
    """One kind of object in one version."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: frozenset[str] = frozenset()
    subresources: frozenset[str] = frozenset()

    @property
    def api_version(self) -> str:
        """As objects say it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of an object, or without a name of their collection (without a namespace: in all of them)."""
        base = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        inside = f"/namespaces/{quote(namespace, safe='')}" if self.namespaced and namespace else ""
        one = f"/{quote(name, safe=':')}" if name else ""
        return f"{base}{inside}/{self.plural}{one}" + (f"/{subresource}" if subresource else "")


class _Gvk(msgspec.Struct, frozen=True):
    kind: str = ""


class _Subresource(msgspec.Struct, frozen=True):
    subresource: str


class _Resource(msgspec.Struct, frozen=True, rename={"response": "responseKind"}):
    resource: str
    scope: str = "Namespaced"
    verbs: list[str] = []
    response: _Gvk | None = None
    subresources: list[_Subresource] = []


class _Version(msgspec.Struct, frozen=True):
    version: str
    resources: list[_Resource] = []


class _Meta(msgspec.Struct, frozen=True):
    name: str = ""


class _Group(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()
    versions: list[_Version] = []


class _Aggregated(msgspec.Struct, frozen=True):
    items: list[_Group] = []


class _Named(msgspec.Struct, frozen=True):
    name: str
    kind: str = ""
    namespaced: bool = False
    verbs: list[str] = []


class _ResourceList(msgspec.Struct, frozen=True):
    resources: list[_Named] = []


class _GroupVersion(msgspec.Struct, frozen=True):
    version: str = ""


class _PlainGroup(msgspec.Struct, frozen=True, rename={"preferred": "preferredVersion"}):
    name: str
    versions: list[_GroupVersion] = []
    preferred: _GroupVersion = _GroupVersion()


class _PlainGroups(msgspec.Struct, frozen=True):
    groups: list[_PlainGroup] = []


class Discovery:
    """What one API server serves, as last read."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._known: dict[tuple[str, str], list[Api]] = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def api(self, group: str, kind: str, version: str = "", *, within: float = 0.0) -> Api:
        """Where a kind is served, by default in the version that the server prefers.

        A kind that was just defined is waited for `within` seconds. Raises UnknownKind, KubernetesError.
        """
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        while True:
            if served := _chosen(self._known.get((group, kind), ()), version):
                return served
            if self._read_at > asked_at and loop.time() >= asked_at + within:
                break
            if not await self._refresh():
                await asyncio.sleep(_PAUSE)
        full = "/".join(part for part in (group, version, kind) if part)
        others = ", ".join(each.version for each in self._known.get((group, kind), ()))
        raise errors.UnknownKind(f"the cluster serves no {full}" + (f", but {others} of it" if others else ""))

    async def all(self) -> list[Api]:
        """Every kind in its preferred version. Raises KubernetesError."""
        if not self._known:
            await self._refresh()
        return [versions[0] for _, versions in sorted(self._known.items())]

    async def served(self, kinds: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of these kinds (group and name) that are served, or were a second ago: nothing is waited for.

        For kinds that one can do without. Raises KubernetesError.
        """
        if not self._known.keys() >= set(kinds):
            await self._refresh()
        return self._known.keys() & set(kinds)

    async def groups(self) -> frozenset[str]:
        """The API groups that are served. Raises KubernetesError."""
        return frozenset(each.group for each in await self.all())

    def forget(self) -> None:
        """A definition changed: the next question reads everything again."""
        self._known = {}
        self._read_at = float("-inf")

    async def _refresh(self) -> bool:
        """Read all again, unless that was done within the last second; whether it was read."""
        asked_at = asyncio.get_running_loop().time()
        async with self._reading:
            if self._read_at > asked_at:
                return True  # by somebody else, while we waited
            if asyncio.get_running_loop().time() - self._read_at < _AGAIN:
                return False
            began_at, known = asyncio.get_running_loop().time(), dict[tuple[str, str], list[Api]]()
            for each in [*await self._aggregated("/api"), *await self._aggregated("/apis")]:
                known.setdefault((each.group, each.kind), []).append(each)
            self._known, self._read_at = known, began_at
            return True

    async def _aggregated(self, root: str) -> list[Api]:
        reply = await self._transport.send("GET", root, accept=_AGGREGATED)
        if "g=apidiscovery.k8s.io" not in reply.content_type:
            return await self._plain(root, reply.body)
        groups = msgspec.json.decode(reply.body, type=_Aggregated).items
        return [_api(group.metadata.name, version.version, each) for group in groups for version in group.versions
                for each in version.resources if each.response and each.response.kind]  # fmt: skip

    async def _plain(self, root: str, body: bytes) -> list[Api]:
        """From a server older than 1.27, one document per group and version."""
        if root == "/api":
            return await self._resources("", "v1")
        apis: list[Api] = []
        for group in msgspec.json.decode(body, type=_PlainGroups).groups:
            versions = [group.preferred.version, *(each.version for each in group.versions)]
            for version in dict.fromkeys(each for each in versions if each):
                try:
                    apis += await self._resources(group.name, version)
                except errors.KubernetesError:
                    continue  # an aggregated API whose server is away: the rest is known all the same
        return apis

    async def _resources(self, group: str, version: str) -> list[Api]:
        path = f"/apis/{group}/{version}" if group else f"/api/{version}"
        reply = await self._transport.send("GET", path)
        named = msgspec.json.decode(reply.body, type=_ResourceList).resources
        below: dict[str, set[str]] = {}
        for each in named:
            parent, _, subresource = each.name.partition("/")
            below.setdefault(parent, set()).update({subresource} - {""})
        return [
            Api(
                group,
                version,
                each.kind,
                each.name,
                each.namespaced,
                frozenset(each.verbs),
                frozenset(below[each.name]),
            )
            for each in named
            if "/" not in each.name
        ]


def _api(group: str, version: str, resource: _Resource) -> Api:
    assert resource.response
    return Api(
        group=group,
        version=version,
        kind=resource.response.kind,
        plural=resource.resource,
        namespaced=resource.scope == "Namespaced",
        verbs=frozenset(resource.verbs),
        subresources=frozenset(each.subresource for each in resource.subresources),
    )


def _chosen(versions: Iterable[Api], version: str) -> Api | None:
    return next((each for each in versions if version in ("", each.version)), None)
