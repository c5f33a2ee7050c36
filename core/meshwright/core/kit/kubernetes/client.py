"""A Kubernetes cluster as the kit speaks to it: objects by reference, as bytes until somebody decodes them.

Invariant: nothing here knows a mesh or a design; every call is bounded in time and ends with an answer or with a
KubernetesError, which is an outcome that a handler may let through.
"""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from meshwright.core.kit.kubernetes import errors, loading, objects
from meshwright.core.kit.kubernetes.definitions import DefinitionReader
from meshwright.core.kit.kubernetes.discovery import Api, Discovery
from meshwright.core.kit.kubernetes.objects import Body, Item, WatchEvent
from meshwright.core.kit.kubernetes.sharing import SharedWatches
from meshwright.core.kit.kubernetes.transport import IDLE, JSON, TIMEOUT, Query, Transport
from meshwright.core.kit.kubernetes.watching import Collection, Watch, items
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.references import ResourceRef

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
_OLDEST_NAMESPACE = ResourceRef(kind="Namespace", name="kube-system")
"""which lives as long as its cluster"""
DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")


class Version(msgspec.Struct, frozen=True, rename={"git_version": "gitVersion"}):
    """The version of the API server."""

    git_version: str = ""


class Cluster:
    """One cluster. Open it with `Cluster.open`."""

    def __init__(self, access: loading.Access) -> None:
        self._transport = Transport(access)
        self.namespace = access.namespace
        """the one that the connection's context names"""
        self.discovery = Discovery(self._transport)
        self.definitions = DefinitionReader(self._transport, self.discovery)
        """the schemas of custom resources"""
        self.shared = SharedWatches(self.watch)
        """watches that several may follow"""

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Kubernetes) -> "AsyncGenerator[Cluster, None]":
        """A client for these settings. Nothing is asked yet. Raises InvalidConnection."""
        cluster = cls(await loading.access(settings))
        try:
            yield cluster
        finally:
            await cluster.close()

    @property
    def server(self) -> str:
        """The address of the API server."""
        return self._transport.server

    async def close(self) -> None:
        """End all connections; what still runs raises Closed."""
        await self._transport.close()
        await self.shared.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
        timeout: float = TIMEOUT,
        idempotent: bool | None = None,
    ) -> bytes:
        """The body of the answer; a body to send is JSON unless it is bytes. Raises KubernetesError."""
        encoded = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        reply = await self._transport.send(
            method,
            path,
            query=query,
            body=encoded,
            content_type=content_type,
            accept=accept,
            timeout=timeout,
            idempotent=idempotent,
        )
        return reply.body

    def stream(
        self, path: str, *, query: Query | None = None, idle: float = IDLE
    ) -> AbstractAsyncContextManager[AsyncGenerator[bytes, None]]:
        """The lines of an answer that goes on, as a watch or a log. Raises KubernetesError."""
        return self._transport.lines(path, query=query, idle=idle)

    def websocket(
        self, path: str, *, query: Query, protocol: str, timeout: float = TIMEOUT
    ) -> AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse]:
        """A web socket, as port forwarding needs one. Raises KubernetesError."""
        return self._transport.websocket(path, query=query, protocol=protocol, timeout=timeout)

    async def version(self) -> str:
        """The version of the API server, as `v1.35.4`. Raises KubernetesError."""
        return msgspec.json.decode(await self.request("GET", "/version"), type=Version).git_version

    async def identity(self) -> str:
        """What tells this cluster from every other, also at the same address; empty where we may not read it.

        Raises KubernetesError.
        """
        try:
            body = await self.find(_OLDEST_NAMESPACE)
        except errors.Forbidden:
            return ""
        return str(objects.at(body, "metadata", "uid") or "")

    async def path(self, ref: ResourceRef, *, version: str = "", subresource: str = "") -> str:
        """The URL path of an object. Raises UnknownKind, KubernetesError."""
        api = await self.discovery.api(ref.group, ref.kind, version)
        return api.path(ref.namespace, ref.name, subresource)

    async def item(self, ref: ResourceRef, *, version: str = "", timeout: float = TIMEOUT) -> Item:
        """One object. Raises NotFound, KubernetesError."""
        api = await self.discovery.api(ref.group, ref.kind, version)
        raw = await self.request("GET", api.path(ref.namespace, ref.name), timeout=timeout)
        return objects.item(ref.group, ref.kind, raw, api.api_version)

    async def get(self, ref: ResourceRef, *, version: str = "", timeout: float = TIMEOUT) -> Body:
        """One object, decoded. Raises NotFound, KubernetesError."""
        return (await self.item(ref, version=version, timeout=timeout)).body

    async def find(self, ref: ResourceRef, *, version: str = "", timeout: float = TIMEOUT) -> Body | None:
        """One object, None when it or its kind is not there. Raises KubernetesError."""
        try:
            return await self.get(ref, version=version, timeout=timeout)
        except errors.NotFound:
            return None

    async def list(
        self,
        group: str,
        kind: str,
        namespace: str | None = None,
        *,
        labels: dict[str, str] | str = "",
        fields: str = "",
        version: str = "",
    ) -> AsyncGenerator[Item, None]:
        """Every object of a kind, in one namespace or in all, read page by page. Raises KubernetesError."""
        collection = await self._collection(group, kind, namespace, labels, fields, version)
        async with aclosing(items(self._transport, collection)) as listed:
            async for each in listed:
                yield each

    async def watch(
        self,
        group: str,
        kind: str,
        namespace: str | None = None,
        *,
        labels: dict[str, str] | str = "",
        fields: str = "",
        version: str = "",
        metadata_only: bool = False,
    ) -> AsyncGenerator[WatchEvent, None]:
        """Every object of a kind and what becomes of it, until cancelled; see `watching`.

        Raises NotFound when the kind is not served, or not any more, Closed, and when it begins KubernetesError.
        """
        collection = await self._collection(group, kind, namespace, labels, fields, version)
        collection = msgspec.structs.replace(collection, metadata_only=metadata_only)
        async with aclosing(Watch(self._transport, collection).events()) as events:
            async for each in events:
                yield each

    async def apply(
        self,
        body: Body,
        *,
        owner: str,
        dry_run: bool = False,
        force: bool = False,
        strict: bool = True,
        timeout: float = TIMEOUT,
    ) -> Body:
        """Server-side apply as the field manager `owner`; the object as it is then, or would be.

        `force` takes fields of other managers over; `strict` refuses fields that the kind does not have.
        Raises Conflict naming the other managers and their fields, Invalid, KubernetesError.
        """
        group, version = objects.group_of(str(body.get("apiVersion", "")))
        ref = objects.reference_of(body)
        api = await self.discovery.api(group, ref.kind, version)
        query = {"fieldManager": owner, "fieldValidation": "Strict" if strict else "Ignore"}
        query |= {"force": "true"} if force else {}
        query |= {"dryRun": "All"} if dry_run else {}
        path = api.path(ref.namespace or (self.namespace if api.namespaced else ""), ref.name)
        raw = await self.request("PATCH", path, query=query, body=body, content_type=APPLY, timeout=timeout)
        if (ref.group, ref.kind) == DEFINITION and not dry_run:
            self.discovery.forget()
        applied: Body = msgspec.json.decode(raw)
        return applied

    async def create(self, body: Body, *, dry_run: bool = False, timeout: float = TIMEOUT) -> Body:
        """Create an object, as reviews are asked. Raises AlreadyExists, KubernetesError."""
        group, version = objects.group_of(str(body.get("apiVersion", "")))
        ref = objects.reference_of(body)
        api = await self.discovery.api(group, ref.kind, version)
        query = {"dryRun": "All"} if dry_run else None
        raw = await self.request("POST", api.path(ref.namespace), query=query, body=body, timeout=timeout)
        created: Body = msgspec.json.decode(raw)
        return created

    async def patch(
        self,
        ref: ResourceRef,
        change: Any,
        *,
        owner: str,
        content_type: str = MERGE,
        subresource: str = "",
        timeout: float = TIMEOUT,
    ) -> Body:
        """Merge a change into an object that is there, as a rollout restart does. Raises NotFound, KubernetesError."""
        path = await self.path(ref, subresource=subresource)
        query = {"fieldManager": owner}
        raw = await self.request("PATCH", path, query=query, body=change, content_type=content_type, timeout=timeout)
        patched: Body = msgspec.json.decode(raw)
        return patched

    async def delete(
        self,
        ref: ResourceRef,
        *,
        uid: str = "",
        propagation: str = "Background",
        dry_run: bool = False,
        timeout: float = TIMEOUT,
    ) -> bool:
        """Ask for an object's deletion, with `uid` only of that very one; False when there is none (any more).

        It is gone when its finalizers have ended. Raises Conflict when the UID is another, KubernetesError.
        """
        options: Body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        options |= {"preconditions": {"uid": uid}} if uid else {}
        options |= {"dryRun": ["All"]} if dry_run else {}
        try:
            await self.request("DELETE", await self.path(ref), body=options, timeout=timeout)
        except errors.NotFound:
            return False
        if (ref.group, ref.kind) == DEFINITION and not dry_run:
            self.discovery.forget()
        return True

    async def _collection(
        self, group: str, kind: str, namespace: str | None, labels: dict[str, str] | str, fields: str, version: str
    ) -> Collection:
        api: Api = await self.discovery.api(group, kind, version)
        return Collection(api, namespace or "", objects.selector(labels), fields)
